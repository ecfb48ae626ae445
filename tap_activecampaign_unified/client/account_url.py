"""Parses the URL of an account, in any form that users paste."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from .errors import InvalidSetting

URL_HINT = (
    "take the URL from ActiveCampaign under Settings › Developer, like https://acme.api-us1.com"
)
_BRANDED_HOST = re.compile(r"([a-z0-9-]+)\.(?:api-[a-z0-9]+|activehosted)\.com")
# Parts that would change a path. Ids come from rows, which may hold any text.
_ODD_PATH = re.compile(r"[^\x20-\x7e]|[?#%\\]|(?:^|/)\.{0,2}(?:/|$)")
# A host without a dot is an account name or a key that the user pasted in place of the URL.
_HOST = re.compile(r"(?:[\w-]{1,63}\.)+[\w-]{1,63}")


@dataclass(frozen=True)
class AccountUrl:
    """The URL of one account.

    ``origin`` is scheme, host and port. ``account`` is the same name for every spelling of the
    URL, and is part of the names of the account's files. ``is_loopback`` is true for this machine.
    """

    origin: str
    account: str
    is_loopback: bool

    def url(self, path: str) -> str:
        """Return the full URL of a path like ``contacts`` or ``contacts/7``."""
        return f"{self.origin}/api/3/{path.lstrip('/')}"


def account_file(account: str, kind: str, ending: str) -> Path:
    """Return the default path of an account's file, under the user's state folder."""
    root = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    name = f"{kind}-{re.sub(r'[^A-Za-z0-9.-]', '_', account)}.{ending}"
    return Path(root) / "activecampaign" / name


def is_plain_path(path: str) -> bool:
    """Return whether a path stays below the API, however the server decodes it."""
    return _ODD_PATH.search(path) is None


def parse_url(text: object) -> AccountUrl:
    """Parse ``api_url``. Raise `InvalidSetting` with one sentence that names the fix.

    The sentence repeats only scheme and host, because users paste keys into URLs.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidSetting(f"api_url is empty: {URL_HINT}")
    cleaned = text.strip().strip("\"'<>").strip()
    parts = _split(cleaned)
    host = _host(parts)
    loopback = _is_loopback(host)
    if not (loopback or _is_ip(host) or _HOST.fullmatch(host)):
        raise InvalidSetting(f"api_url has no usable host name: {URL_HINT}")
    try:
        port = parts.port
    except ValueError:
        raise InvalidSetting(f"api_url has a port that is no number: {URL_HINT}") from None
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"}:
        raise InvalidSetting(f"api_url must start with https://: {URL_HINT}")
    if scheme == "http" and not loopback:
        raise InvalidSetting(
            f"api_url http://{host} would send the key unencrypted: write https://{host}"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidSetting(f"api_url must not hold a key, a user or parameters: {URL_HINT}")
    _check_path(parts.path, host)
    default_port = 443 if scheme == "https" else 80
    shown_port = "" if port in {None, default_port} else f":{port}"
    shown_host = f"[{host}]" if ":" in host else host
    branded = _BRANDED_HOST.fullmatch(host)
    account = "loopback" if loopback else branded[1] if branded else host
    return AccountUrl(f"{scheme}://{shown_host}{shown_port}", f"{account}{shown_port}", loopback)


def _split(text: str) -> SplitResult:
    try:
        if "://" not in text:
            scheme = "http" if _is_loopback(_host(urlsplit(f"https://{text}"))) else "https"
            text = f"{scheme}://{text}"
        return urlsplit(text)
    except ValueError:  # unbalanced brackets, characters that look like others
        raise InvalidSetting(f"api_url has no usable host name: {URL_HINT}") from None


def _check_path(path: str, host: str) -> None:
    lowered = path.lower()
    if re.fullmatch(r"/*|/+api/+3/*", lowered):
        return
    if lowered.startswith("/admin") and "api" not in lowered:
        raise InvalidSetting(f"api_url points at the admin pages of {host}: {URL_HINT}")
    if "api.php" in lowered or re.match(r"/+api/+[12]\b", lowered):
        raise InvalidSetting(f"api_url points at an old version of the API on {host}: {URL_HINT}")
    raise InvalidSetting(f"api_url has a path that is not /api/3: {URL_HINT}")


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
