"""Reads engagements from the activities of each contact, with two requests per contact.

ActiveCampaign documents activities. It generates a contact's activities when the tap reads the
contact by its own path, so the tap sends that request first. Only activities have replies and
forwards. The tap reads sends, opens and clicks here if the account lacks their collections.
"""

from __future__ import annotations

import datetime as dt
import logging
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    ACCOUNT_RATE,
    FULL_PAGE,
    NotFound,
    Page,
    rows_of,
    walk_keyset,
)
from tap_activecampaign_unified.resources.marketing.engagements import OPEN, SOURCE, URL
from tap_activecampaign_unified.resources.time_codecs import instant_or_none

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.resources.resource import Row

logger = logging.getLogger(__name__)

#: The key of the position in a stream's state.
ACTIVITIES = "activities"
#: The collection whose row an activity refers to, by the activity's type.
COLLECTIONS = {
    "Log": "logs",
    "LinkData": "linkData",
    "MppLinkData": "mppLinkData",
    "Reply": "replies",
    "Forward": "forwards",
}
#: Collections whose rows only activities have.
ONLY_HERE = ("replies", "forwards")
INCLUDE = "reference,reference.log,reference.link,reference.campaign,reference.message"
#: The columns of a contact that change with an activity.
CHANGED = ("udate", "updated_timestamp", "cdate", "last_open_date", "last_click_date")
#: The walk yields a page, and moves its position, after this many contacts.
CONTACTS_PER_PAGE = 50
REQUESTS_PER_CONTACT = 2
#: Some times have no offset, and an account may be in any time zone.
SLACK = dt.timedelta(hours=15)


@dataclass
class ActivityPosition:
    """The position of the walk over contacts.

    ``started`` is the start of the last complete walk, ``began`` the start of the current walk,
    both by the server's clock. ``after`` is the id of the last contact that the current walk read.
    """

    started: str | None = None
    began: str | None = None
    after: int = 0

    def document(self) -> dict[str, Any]:
        """Return the position for the state."""
        return {"started": self.started, "began": self.began, "after": self.after}


def activity_position(entry: Any) -> ActivityPosition:
    """Return the position in a state. After an invalid position, the walk begins again."""
    saved = entry.get(ACTIVITIES) if isinstance(entry, dict) else None
    if not isinstance(saved, dict):
        return ActivityPosition()
    started, began, after = (saved.get(name) for name in ("started", "began", "after"))
    return ActivityPosition(
        started if isinstance(started, str) else None,
        began if isinstance(began, str) else None,
        after if isinstance(after, int) else 0,
    )


def walk_activities(
    client: Client, position: ActivityPosition, wanted: Collection[str]
) -> Iterator[Page]:
    """Yield the rows of the ``wanted`` collections, for the contacts that changed.

    Moves ``position`` past the contacts of a page when the caller requests the next page.
    """
    last_run = instant_or_none(position.started)
    since = None if last_run is None else last_run - SLACK
    ids = _changed_contacts(client, since, position.after)
    now = client.server_now or client.clock.now()
    position.began = position.began or now.isoformat()
    requests, rate = REQUESTS_PER_CONTACT * len(ids), client.rate or ACCOUNT_RATE
    logger.info(
        "marketing_engagements: the activities of %s contacts cost %s requests, %.1f minutes at %g "
        "per second",
        f"{len(ids):,}",
        f"{requests:,}",
        requests / rate / 60,
        rate,
    )
    for start in range(0, len(ids), CONTACTS_PER_PAGE):
        part = ids[start : start + CONTACTS_PER_PAGE]
        rows = [
            row
            for row in _activities(client, part, since)
            if row[SOURCE] in wanted and _is_recent(row, since)
        ]
        yield Page(rows, {}, None, client.server_now)
        position.after = part[-1]
    position.started, position.began, position.after = position.began, None, 0


def _changed_contacts(client: Client, since: dt.datetime | None, after: int) -> array[int]:
    """Return the ids, ascending, of the contacts that changed, opened or clicked since a moment."""
    ids = array("Q")
    for page in walk_keyset(
        client, "contacts", "contacts", [("status", -1)], after=after, is_eager=True
    ):
        ids.extend(int(row["id"]) for row in page.rows if _has_changed(row, since))
    # A walk by offset may yield them in another order, and the position needs this one.
    return array("Q", sorted(ids))


def _has_changed(row: Row, since: dt.datetime | None) -> bool:
    if since is None:
        return True
    moments = (instant_or_none(row.get(column)) for column in CHANGED)
    return any(moment is not None and moment >= since for moment in moments)


def _activities(
    client: Client, contacts: Sequence[int], since: dt.datetime | None
) -> Iterator[Row]:
    for contact in contacts:
        client.prefetch(f"contacts/{contact}", ())
    existing = []
    for contact in contacts:
        try:
            client.get(f"contacts/{contact}")
        except NotFound:
            continue  # deleted meanwhile
        existing.append(contact)
        client.prefetch("activities", _page_of(contact, since, 0))
    for contact in existing:
        offset = 0
        while True:
            response = client.get("activities", _page_of(contact, since, offset))
            activities = rows_of(response.body, "activities")
            for activity in activities:
                row = _row_of(activity, response.body)
                if row is not None:
                    yield {"subscriberid": str(contact), **row}
            if len(activities) < FULL_PAGE:
                break
            offset += FULL_PAGE


def _page_of(contact: int, since: dt.datetime | None, offset: int) -> list[tuple[str, str | int]]:
    after = [] if since is None else [("after", since.date().isoformat())]
    return [
        ("contact", contact),
        *after,
        ("orders[tstamp]", "asc"),
        ("include", INCLUDE),
        ("limit", FULL_PAGE),
        ("offset", offset),
    ]


def _row_of(activity: Row, body: Row) -> Row | None:
    """Return the row that an activity refers to, with the activity's values for missing columns."""
    source = COLLECTIONS.get(str(activity.get("reference_type")))
    native_id = activity.get("reference_id")
    if source is None or native_id in {None, "", "0"}:
        return None
    reference = _find(body, source, native_id)
    row = {"tstamp": activity.get("tstamp"), **reference, "id": native_id, SOURCE: source}
    link = _find(body, "links", row.get("linkid") or row.get("link"))
    if "link" in link:
        row[URL] = link["link"]
        row.setdefault("isread", "1" if link["link"] == OPEN else "0")
    return row


def _find(body: Row, name: str, native_id: Any) -> Row:
    rows = body.get(name)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and str(row.get("id")) == str(native_id):
            return row
    return {}


def _is_recent(row: Row, since: dt.datetime | None) -> bool:
    moment = instant_or_none(row.get("tstamp"))
    return since is None or moment is None or moment >= since
