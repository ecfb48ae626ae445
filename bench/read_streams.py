"""Requests per 1,000 rows, stream by stream: each stream alone, from an account full of its rows.

Compared with: singer-io's tap 1.3.1, measured with all its streams that hold the same
(`make peer`), and Airbyte's source, which cannot be run here: computed from its manifest, 20 rows
a page by offset, of the collection itself, without what hangs on its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import peer
from bench.figures import Figure, Found, told
from bench.measuring import Tap, log_of, workplace
from tests.sandbox import Shape, World, serve

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1_000
#: Our pages by offset overlap, so that a row deleted meanwhile hides none; theirs do not.
OVERLAP = 0.05
AIRBYTE_PAGE = 20
#: What has the content of a stream of ours among singer-io's streams; none has notes.
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
#: What we read and they cannot: to which groups a user belongs.
MORE = frozenset({"directory_users"})
#: Airbyte's source has these of ours, and no more in them than the collection itself holds.
AIRBYTE = frozenset({"crm_accounts", "crm_contacts", "crm_opportunities", "marketing_segments"})
#: The streams whose rows are few in a usual account: they are read from one that has many.
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
    """Read each stream alone, and in the long form what the peer needs for the same."""
    figures: list[Figure] = []
    claims: list[tuple[bool, str]] = []
    accounts = ((LARGE, ROWS, USUAL), (SMALL, 0, WIDE), (("directory_groups",), 0, GROUPS))
    for streams, count, shape in accounts:
        world = World(contacts=count, deals=count, accounts=count, shape=shape)
        world.window.most = 0  # requests are counted, not timed
        with workplace() as folder, serve(world) as served:
            tap = Tap(folder, served.url, streams)
            theirs = Peers(folder, served.url) if peer.is_installed() and not short else None
            for stream in streams:
                tap.select(tap.catalog, (stream,))
                since = log_of(served.url)["arrivals"]
                rows = tap.run().records[stream]
                requests = log_of(served.url, since)["requests"]
                per_thousand = 1000 * requests / rows
                needed = theirs.requests(PEERS.get(stream, ())) if theirs else 0
                if needed and stream not in MORE:
                    most = needed * (1 + OVERLAP) + 1
                    claims.append((requests <= most, f"{stream}: no more than singer-io's"))
                note = beside(stream, rows, requests, needed)
                claims.append((rows >= ROWS, f"{stream}: a thousand rows"))
                figures.append(Figure(stream, per_thousand, "count", note=note))
    absent = () if peer.is_installed() else ((peer.NAME, peer.ABSENT),)
    return Found(
        "Requests per 1,000 rows, each stream alone, with the lookups it needs",
        tuple(sorted(figures, key=lambda figure: figure.name)),
        tuple(claims),
        absent,
    )


def beside(stream: str, rows: int, requests: int, needed: int) -> str:
    """Tell what was counted, and what others need per 1,000 rows."""
    told = [f"{requests} for {rows:,} rows"]
    if needed:
        less = ", less in them" if stream in MORE else ""
        count = len(PEERS[stream])
        streams = f"{count} streams" if count > 1 else "1 stream"
        told.append(f"singer-io {1000 * needed / rows:.0f} ({streams}{less})")
    if stream in AIRBYTE:
        pages = rows // AIRBYTE_PAGE + 1
        told.append(f"Airbyte {1000 * pages / rows:.0f} (computed, the collection alone)")
    return "; ".join(told)


class Peers:
    """How many requests each stream of the peer takes, each measured once."""

    def __init__(self, folder: Path, url: str) -> None:
        """Measure nothing yet."""
        self._folder = folder
        self._url = url
        self._found: dict[str, int] = {}

    def requests(self, streams: tuple[str, ...]) -> int:
        """Return what some of them take together."""
        for stream in streams:
            if stream not in self._found:
                since = log_of(self._url)["arrivals"]
                peer.Peer(self._folder, self._url, (stream,)).run(keeps_limit=False)
                self._found[stream] = log_of(self._url, since)["requests"]
        return sum(self._found[stream] for stream in streams)


def main() -> None:
    """Measure and judge."""
    told(measure)


if __name__ == "__main__":
    main()
