"""Requests per 1,000 rows of each stream alone, from an account with many of its rows.

They are compared with singer-io's tap 1.3.1, measured with all its streams that have the same
content (`make peer`), and with Airbyte's source. That cannot run here, so its requests are computed
from its manifest: 20 rows a page by offset, of the collection itself, without related rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox import Shape, World, serve

from . import peer
from .figures import Figure, Found, but_for, run_script
from .measuring import Tap, log_of, temp_folder

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1_000
#: Our pages by offset overlap, so that a delete hides no row; those of the peers do not.
OVERLAP = 0.05
AIRBYTE_PAGE = 20
#: The streams of singer-io's tap with the content of ours; none has notes.
PEERS = {
    "crm_accounts": ("accounts", "account_custom_fields", "account_custom_field_values"),
    "crm_contacts": (*peer.CONTACTS, "contact_custom_fields", "tags", "lists", "accounts"),
    "crm_fields": (
        *("contact_custom_fields", "contact_custom_field_options"),
        *("account_custom_fields", "deal_custom_fields"),
    ),
    "crm_opportunities": (
        *("deals", "contact_deals", "deal_custom_fields", "deal_custom_field_values"),
        *("deal_stages", "deal_groups"),
    ),
    "crm_pipelines": ("deal_groups", "deal_stages"),
    "crm_stages": ("deal_stages", "deal_groups"),
    "crm_users": ("users",),
    "directory_groups": ("groups",),
    "directory_users": ("users", "groups"),
    "marketing_contact_tags": ("contacts", "contact_tags", "tags"),
    "marketing_contacts": (*peer.CONTACTS[:-1], "contact_custom_fields", "tags", "lists"),
    "marketing_segment_memberships": ("contacts", "contact_lists", "lists"),
    "marketing_segments": ("lists",),
    "marketing_tags": ("tags",),
}
#: The account's names of their rows, to check that all were read.
TABLES = {
    "account_contacts": "accountContacts",
    "account_custom_field_values": "accountCustomFieldData",
    "account_custom_fields": "accountCustomFieldMeta",
    "contact_custom_field_values": "fieldValues",
    "contact_custom_fields": "fields",
    "contact_deals": "contactDeals",
    "contact_lists": "contactLists",
    "contact_tags": "contactTags",
    "deal_custom_field_values": "dealCustomFieldData",
    "deal_custom_fields": "dealCustomFieldMeta",
    "deal_groups": "dealGroups",
    "deal_stages": "dealStages",
}
#: Rows that only our tap reads: the groups of a user.
MORE = frozenset({"directory_users"})
#: Our streams that Airbyte's source has too, with the columns of the collection itself.
AIRBYTE = frozenset({"crm_accounts", "crm_contacts", "crm_opportunities", "marketing_segments"})
#: Streams with few rows in a usual account, which are read from an account with many.
SMALL = (
    *("crm_fields", "crm_pipelines", "crm_stages", "crm_users"),
    *("directory_users", "marketing_segments", "marketing_tags"),
)
LARGE = (
    *("crm_accounts", "crm_contacts", "crm_notes", "crm_opportunities"),
    *("marketing_contact_tags", "marketing_contacts", "marketing_segment_memberships"),
)
USUAL = Shape(contact_fields=8, values_per_contact=8, notes_share=1)
WIDE = Shape(contact_fields=ROWS, tags=ROWS, lists=ROWS, users=ROWS, pipelines=ROWS)
GROUPS = Shape(groups=ROWS)


def measure(*, short: bool) -> Found:
    """Read each stream alone, and in the long form measure the peer for the same."""
    figures: list[Figure] = []
    claims: list[tuple[bool, str]] = []
    accounts = ((LARGE, ROWS, USUAL), (SMALL, 0, WIDE), (("directory_groups",), 0, GROUPS))
    for streams, count, shape in accounts:
        world = World(contacts=count, deals=count, accounts=count, shape=shape)
        world.window.most = 0  # requests are counted, not timed
        with temp_folder() as folder, serve(world) as served:
            tap = Tap(folder, served.url, streams)
            tables = {name: len(table) for name, table in world.tables.items()}
            theirs = Peers(folder, served.url, tables)
            is_beside = peer.is_installed() and not short
            for stream in streams:
                tap.select(tap.catalog, (stream,))
                since = log_of(served.url)["arrivals"]
                rows = tap.run().records[stream]
                requests = log_of(served.url, since)["requests"]
                per_thousand = 1000 * requests / rows
                needed, lost = theirs.needed(PEERS.get(stream, ()) if is_beside else ())
                if needed and stream not in MORE:
                    most = needed * (1 + OVERLAP) + 1
                    claims.append((requests <= most, f"{stream}: no more than singer-io's"))
                note = beside(stream, rows, requests, needed, lost)
                claims.append((rows >= ROWS, f"{stream}: a thousand rows"))
                figures.append(
                    Figure(
                        *(stream, per_thousand, "count"),
                        tolerance=but_for(1, requests),
                        note=note,
                    )
                )
    absent = () if peer.is_installed() else ((peer.NAME, peer.ABSENT),)
    return Found(
        "Requests per 1,000 rows, each stream alone, with the lookups it needs",
        tuple(sorted(figures, key=lambda figure: figure.name)),
        tuple(claims),
        absent,
    )


def beside(stream: str, rows: int, requests: int, needed: int, lost: int) -> str:
    """Print the counts, and those of the peers per 1,000 rows."""
    parts = [f"{requests} for {rows:,} rows"]
    if needed:
        streams = len(PEERS[stream])
        small = [f"{streams} streams" if streams > 1 else "1 stream"]
        small += ["less in them"] if stream in MORE else []
        small += [f"{lost:,} rows missing"] if lost else []
        parts.append(f"singer-io {1000 * needed / rows:.0f} ({', '.join(small)})")
    if stream in AIRBYTE:
        pages = rows // AIRBYTE_PAGE + 1
        parts.append(f"Airbyte {1000 * pages / rows:.0f} (computed, the collection alone)")
    return "; ".join(parts)


class Peers:
    """The number of requests of each stream of the peer, measured once each."""

    def __init__(self, folder: Path, url: str, tables: dict[str, int]) -> None:
        """Measure nothing yet; ``tables`` says how many rows the account has of each kind."""
        self._folder, self._url, self._tables = folder, url, tables
        self._found: dict[str, tuple[int, int]] = {}

    def needed(self, streams: tuple[str, ...]) -> tuple[int, int]:
        """Return the requests of some streams together, and the rows that were not read."""
        for stream in streams:
            if stream not in self._found:
                since = log_of(self._url)["arrivals"]
                rows = peer.Peer(self._folder, self._url, (stream,)).run(keeps_limit=False)
                lost = self._tables.get(TABLES.get(stream, stream), 0) - rows
                self._found[stream] = log_of(self._url, since)["requests"], max(0, lost)
        found = [self._found[stream] for stream in streams]
        return sum(pair[0] for pair in found), sum(pair[1] for pair in found)


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
