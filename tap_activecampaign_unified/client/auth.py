"""Authentication: the API key in the `Api-Token` header of each request."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import requests
from requests.auth import AuthBase

if TYPE_CHECKING:
    from .account_url import AccountUrl


class ApiTokenAuth(AuthBase):
    """Sets the key's header. With it, `requests` does not read netrc.

    It checks the prepared URL, because libraries parse odd URLs differently. The key goes only to
    the account's own host.
    """

    def __init__(self, key: str, address: AccountUrl) -> None:
        self._key, self._address = key, address

    @cached_property
    def _root_url(self) -> str:
        return requests.Request("GET", f"{self._address.origin}/").prepare().url or ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header of a request to the account. Raise `InvalidURL` for any other URL."""
        if not (request.url or "").startswith(self._root_url):
            raise requests.exceptions.InvalidURL("not a URL of the account")
        request.headers["Api-Token"] = self._key
        return request

    def __repr__(self) -> str:
        return "<ApiTokenAuth>"
