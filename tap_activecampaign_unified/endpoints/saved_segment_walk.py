"""Walks over the members of saved segments."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    ActiveCampaignError,
    Client,
    Page,
    total_of,
    walk_keyset,
    walk_offset,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_activecampaign_unified.resources.resource import Row

logger = logging.getLogger(__name__)

Params = list[tuple[str, Any]]


class FilterIgnored(ActiveCampaignError):
    """The account ignores the filter by saved segment and returns all contacts."""


def contacts_of(segment: str) -> Params:
    """Return the query parameters for the contacts of a saved segment."""
    return [("segmentid", segment), ("status", -1)]


class FilterProof:
    """Proves that an account filters contacts by saved segment."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def shows_filter(self, body: dict[str, Any], segment: str, *, is_first: bool = True) -> bool:
        """Return whether a page of a segment's contacts shows the filter.

        Most responses repeat the filter. Otherwise the first page must count fewer contacts than
        the account has.
        """
        meta = body.get("meta")
        page_input = meta.get("page_input") if isinstance(meta, dict) else None
        if isinstance(page_input, dict) and "segmentid" in page_input:
            return str(page_input["segmentid"]) == segment
        if not is_first:
            return True
        count, count_of_all = total_of(body), self._count_of_all
        return count is not None and count_of_all is not None and count < count_of_all

    @cached_property
    def _count_of_all(self) -> int | None:
        return total_of(self._client.get("contacts", [("limit", 1), ("status", -1)]).body)


def walk_members(wanted: Sequence[str]) -> Callable[[Client], Iterator[Page]]:
    """Return a walk over the contacts of saved segments. ``wanted`` has their ids or names.

    Before it reads a member, the walk raises `ActiveCampaignError` for a segment that does not
    exist. It raises `FilterIgnored` if the account does not filter contacts by segment.
    """

    def walk(client: Client) -> Iterator[Page]:
        if not wanted:
            logger.warning(
                "saved_segments is empty: the tap reads no members; list segments by id or name"
            )
            return
        rows = [row for page in walk_offset(client, "segments", "segments") for row in page.rows]
        proof = FilterProof(client)
        for row in _select(rows, wanted):
            yield from _members(client, row, proof)

    return walk


def _select(rows: list[Row], wanted: Sequence[str]) -> list[Row]:
    selected: dict[str, Row] = {}
    for name in wanted:
        by_id = [row for row in rows if str(row.get("id")) == name]
        folded = name.strip().casefold()
        by_name = [row for row in rows if str(row.get("name") or "").strip().casefold() == folded]
        if not by_id and not by_name:
            raise ActiveCampaignError(
                f"saved_segments: the account has no saved segment {name!r}; "
                "use the id or the name of a saved segment"
            )
        for row in by_id or by_name:
            selected.setdefault(str(row.get("id")), row)
    return list(selected.values())


def _members(client: Client, segment: Row, proof: FilterProof) -> Iterator[Page]:
    segment_id = str(segment.get("id"))
    pages = walk_keyset(client, "contacts", "contacts", contacts_of(segment_id), is_eager=True)
    for number, page in enumerate(pages):
        if not proof.shows_filter(page.body, segment_id, is_first=number == 0):
            raise FilterIgnored(
                f"saved segment {segment_id}: the account does not filter contacts by segmentid; "
                "the tap cannot read its members"
            )
        rows = [
            {
                "id": f"{segment_id}/{row.get('id')}",
                "contact": row.get("id"),
                "segment": segment_id,
                "segmentName": segment.get("name"),
                "email": row.get("email"),
            }
            for row in page.rows
        ]
        yield Page(rows, {}, page.total, page.date)
