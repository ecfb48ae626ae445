"""Requests single pages of a resource with their sideloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import InvalidRequest, NotFound, ServerError, rows_of
from tap_activecampaign_unified.endpoints.endpoint_table import endpoint_of

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.resources.resource import Resource, Row

    from .record_loader import RecordLoader
    from .traversal import Body, Params

# Seconds of retries of a page with sideloads, before the reader requests fewer sideloads.
SHRINK_AFTER_SECONDS = 15.0


class PageFetcher:
    """Requests single pages with the sideloads of ``loader``.

    ``path`` has only some rows of the collection, such as the notes of one contact. If it is None,
    or if the account does not have it, the fetcher requests the collection.
    """

    def __init__(
        self, client: Client, loader: RecordLoader, resource: Resource, path: str | None = None
    ) -> None:
        self._client, self._loader, self._resource = client, loader, resource
        self._endpoint = endpoint_of(resource.endpoint_name)
        self._path = path

    def __call__(self, params: Params) -> tuple[list[Row], Body]:
        """Return the rows of a page, and the response."""
        while True:
            include = self._loader.include_of(self._resource)
            more = [("include", include)] if include else []
            patience = SHRINK_AFTER_SECONDS if more else None
            path = self._path or self._endpoint.path
            try:
                body = self._client.get(path, [*params, *more], patience=patience).body
            except (InvalidRequest, ServerError):
                if not more or not self._loader.reduce_sideloads():
                    raise
            except NotFound as problem:
                if self._path is None:
                    raise
                if not problem.is_endpoint:
                    return [], {}  # the parent row was deleted
                self._path = None
            else:
                return rows_of(body, self._endpoint.rows_key), body
