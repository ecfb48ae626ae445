"""Loads the groups of users, which takes a request per group, or per user."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import (
    Client,
    NotFound,
    Page,
    PermissionDenied,
    prefetch_walk,
    walk_offset,
)

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row
    from tap_activecampaign_unified.sync.lookups import Lookups

logger = logging.getLogger(__name__)


class GroupMembers:
    """The group of each user: a request per group, or per user if groups are not readable."""

    def __init__(self, client: Client, lookups: Lookups) -> None:
        self._client, self._lookups = client, lookups
        self._by_user: dict[str, list[Row]] | None = None

    def prefetch(self, page: Page) -> None:
        """Prefetch the groups and their members, at the first page with users."""
        if self._by_user is None and page.rows:
            self._lookups.prefetch_table("groups", self._prefetch_members)

    def _prefetch_members(self, groups: list[Row]) -> None:
        for group in groups:
            prefetch_walk(self._client, f"groups/{group.get('id')}/userGroups")

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the memberships of the page's users."""
        ids = [str(row.get("id")) for row in page.rows]
        if self._by_user is None and ids:
            self._by_user = {}
            try:
                self._read_groups(self._by_user)
            except (PermissionDenied, NotFound) as problem:
                logger.info("%s: the tap sends one request per user instead", problem)
        by_user = self._by_user or {}
        for native_id in ids:
            if native_id not in by_user:
                self._client.prefetch(f"users/{native_id}/userGroup")
        return {
            native_id: by_user[native_id] if native_id in by_user else self._of_user(native_id)
            for native_id in ids
        }

    def _read_groups(self, by_user: dict[str, list[Row]]) -> None:
        for group in self._lookups.load_names({"groups"}).groups:
            path = f"groups/{group}/userGroups"
            for page in walk_offset(self._client, path, "userGroups", lean=True):
                for row in page.rows:
                    user = str(row.get("userid") or row.get("user"))
                    by_user.setdefault(user, []).append(row)

    def _of_user(self, user: str) -> list[Row]:
        try:
            body = self._client.get(f"users/{user}/userGroup").body
        except (PermissionDenied, NotFound):
            return []
        groups = body.get("userGroup") or body.get("userGroups")
        rows = groups if isinstance(groups, list) else [groups]
        return [row for row in rows if isinstance(row, dict)]
