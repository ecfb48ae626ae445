"""The faults while the tap reads: what each is, and how the test causes it.

``item`` names the section of the API reference (§), its trap (§10.n) or the peers' defect (D1 to
D14) that a case covers.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox import World

    Spoil = Callable[[World], None]
    Streams = dict[str, dict[tuple[str, ...], dict[str, Any]]]

SHARE = 0.2  # the share of requests with the fault


@dataclass(frozen=True)
class Passing:
    """A fault that ends: every run exits with 0 and emits everything.

    ``truth`` changes the expected records where the account itself reports something else.
    """

    item: str
    spoil: Spoil = lambda _: None
    switches: dict[str, Any] = field(default_factory=dict)
    truth: Callable[[Streams], None] = lambda _: None

    @property
    def is_paged(self) -> bool:
        """Whether the fault needs several pages of every collection."""
        return any(item in self.item.split() for item in ("§1.4", "§2", "§3", "§12.5", "§12.19"))


def _now_and_then(fault: str, **options: Any) -> Spoil:
    return lambda w: w.faults.mix(SHARE, seed=3, kinds=((fault, options),))


def _always(name: str, *args: Any, **options: Any) -> Spoil:
    return lambda w: getattr(w.faults, name)(*args, times=None, **options)


def _rows(prefix: str, key: str, edit: Callable[[dict[str, Any]], None]) -> Spoil:
    """Change every row of a collection in the answer."""

    def change(document: Any) -> None:
        for row in document.get(key) or []:
            edit(row)

    return lambda w: w.faults.rewrite(prefix, change)


def _all_of(*spoils: Spoil) -> Spoil:
    def spoil(w: World) -> None:
        for each_spoil in spoils:
            each_spoil(w)

    return spoil


def _bursts(w: World) -> None:
    for after in (4, 12, 25):
        w.faults.throttle(times=6, after=after, retry_after=2)


def _again(key: str) -> Callable[[Any], None]:
    """Begin each page with the last row of the page before."""
    last: list[Any] = []

    def edit(document: Any) -> None:
        rows = document.get(key)
        if isinstance(rows, list) and rows:
            rows[:0] = last
            last[:] = rows[-1:]

    return edit


def _ids_as_numbers(document: Any) -> None:
    """Send ids and references as numbers (§1.3: 'echo typing', §10.9)."""
    for rows in document.values():
        for row in rows if isinstance(rows, list) else ():
            for name in ("id", "contact", "tag", "list", "field", "account", "owner", "status"):
                if isinstance(row, dict) and str(row.get(name)).isdecimal():
                    row[name] = int(row[name])


def _third(row: dict[str, Any]) -> bool:
    return int(row["id"]) % 3 == 0


def _without(*columns: str) -> Callable[[dict[str, Any]], None]:
    def edit(row: dict[str, Any]) -> None:
        if (_third(row) and "isDisabled" not in row) or row.get("isDisabled") is False:
            row.update(dict.fromkeys(columns))

    return edit


def _without_mdate(streams: Streams) -> None:
    for stream in ("crm_notes", "crm_opportunities"):
        for record in streams[stream].values():
            if stream == "crm_opportunities" or _third(record):
                record["updated_at"] = record["created_at"]


def _odd_owner(row: dict[str, Any]) -> None:
    if _third(row):
        row["owner"] = {"odd": ["abc"]}


def _owners_unread(streams: Streams) -> None:
    for record in streams["crm_accounts"].values():
        if _third(record):
            record.update(owner=None, _errors=["owner: not an id"])


def _odd_deal(row: dict[str, Any]) -> None:
    if row["id"] == "2" and "value" in row:
        row.update(value="a lot", cdate=[], winProbability={})


def _odd_deal_read(streams: Streams) -> None:
    streams["crm_opportunities"]["2",].update(
        amount=None,
        created_at=None,
        probability=None,
        _errors=["amount: not an amount", "probability: not a number", "created_at: not a time"],
    )


def _new_columns(row: dict[str, Any]) -> None:
    row.update(brandNew={"a": [1]}, links=[], organization="99", orgid="99")


def _hours_ahead(streams: Streams) -> None:
    """Print the account's UTC time with its own offset: six hours ahead in winter."""
    for stream in ("crm_stages", "crm_pipelines"):
        for record in streams[stream].values():
            if record["updated_at"]:
                moment = dt.datetime.fromisoformat(record["updated_at"]) + dt.timedelta(hours=6)
                record["updated_at"] = moment.isoformat()


PASSING: dict[str, Passing] = {
    "nothing goes wrong": Passing("D4 D5 D11 D12 D13 D14 §10.5 §10.6 §10.8"),
    # --- limits ---------------------------------------------------------------------------------
    "429 with Retry-After": Passing("§4", _now_and_then("throttle", retry_after=3)),
    "429 with Retry-After 30": Passing("D9", _now_and_then("throttle", retry_after=30)),
    "429 without Retry-After": Passing("§4 §10.16", _now_and_then("throttle", retry_after=None)),
    "429 with HTML": Passing("§12.1", _now_and_then("throttle", body="<html>", retry_after=1)),
    "429 with JSON": Passing("§12.1", _now_and_then("throttle", body={"message": "no"})),
    "429 in bursts": Passing("§4", _bursts),
    "503 with Retry-After": Passing("§10.16", _now_and_then("throttle", status=503, retry_after=2)),
    "503 without Retry-After": Passing("§4", _now_and_then("throttle", status=503)),
    "others use the budget too": Passing("§10.17", switches={"requests_per_second": 2}),
    # --- the server in trouble --------------------------------------------------------------------
    **{
        f"{status} with HTML": Passing("§5.1", _now_and_then("server_error", status=status))
        for status in (500, 502, 504, 520, 521, 522, 523, 524)
    },
    "403 now and then": Passing("§5.1 §10.1 D8", _now_and_then("forbid")),
    # --- the transport ----------------------------------------------------------------------------
    "200 with nothing": Passing("§5.6 D6", _now_and_then("empty_body")),
    "200 with half a JSON": Passing("§5.6", _now_and_then("truncated_json")),
    "200 with three bytes": Passing("§5.6", _now_and_then("truncated_json", keep=0.001)),
    "200 with HTML": Passing("§5.6 D10", _now_and_then("html_200")),
    "200 with a complaint": Passing("§5.5", _now_and_then("complaint_200")),
    "JSON that is called HTML": Passing("§5.6 §10.12", _always("foreign_type")),
    "connections reset": Passing("§5.6 §10.18", _now_and_then("reset")),
    "chunks that break off": Passing("§5.6", _now_and_then("reset_after_apply", kind="chunk")),
    "answers in no time": Passing("§5.6", _now_and_then("reset_after_apply", kind="timeout")),
    "slow pages": Passing("§11.14", _now_and_then("slow", seconds=40)),
    "pages later than the timeout": Passing("§11.14", _now_and_then("slow", seconds=61)),
    # --- paging -----------------------------------------------------------------------------------
    "no meta.total": Passing("§1.4 D1", switches={"meta_total": "missing"}),
    "meta.total too small": Passing("§1.4", switches={"meta_total": "wrong"}),
    "meta.total too large": Passing("§1.4", switches={"meta_total": "larger"}),
    "meta.total as text": Passing("§1.4", switches={"meta_total": "string"}),
    "meta.total as number": Passing("§1.4", switches={"meta_total": "int"}),
    "meta.total of nonsense": Passing(
        "§1.4", lambda w: w.faults.rewrite("", lambda d: d.update(meta={"total": "many"}))
    ),
    "meta that is a list": Passing(
        "§1.4", lambda w: w.faults.rewrite("", lambda d: d.update(meta=[]))
    ),
    "limit ignored": Passing("§10.4", lambda w: w.faults.deaf("limit")),
    "orders ignored": Passing("§2", lambda w: w.faults.deaf("orders[")),
    "the key ignored": Passing("§2", lambda w: w.faults.deaf("id_greater")),
    "key and orders ignored": Passing("§2", lambda w: w.faults.deaf("id_greater", "orders[")),
    "filters ignored": Passing("§6 §10.3", lambda w: w.faults.deaf("filters[")),
    "the key counts all": Passing("§2", switches={"id_greater_total": "all"}),
    "keys and orders by id everywhere": Passing("§12.5", switches={"orders_id_elsewhere": True}),
    "no order is the same twice": Passing(
        "§2", switches={"include": "none", "drifting_order": True}
    ),
    "the last row of a page comes again": Passing(
        "§2",
        _all_of(
            *[
                lambda w, key=key: w.faults.rewrite(f"/{key}", _again(key))
                for key in ("contacts", "deals", "accounts", "notes", "tags")
            ]
        ),
    ),
    # --- sideloads --------------------------------------------------------------------------------
    "include ignored": Passing("§3", lambda w: w.faults.deaf("include")),
    "include refused": Passing("§3", switches={"include": "none", "include_unknown": "400"}),
    "some includes ignored": Passing(
        "§3", switches={"include": frozenset({"fieldValues", "contactLists"})}
    ),
    "includes cut at twenty rows": Passing("§12.19", switches={"include_row_cap": 20}),
    "includes without ids on the rows": Passing(
        "§3", switches={"include_id_arrays": False, "include_empty_key": False}
    ),
    "nested includes ignored": Passing("§3", switches={"include_nested": False}),
    "values in the columns' own spelling": Passing("§3", switches={"deal_data_sideload": "slim"}),
    "no collection below a group": Passing("§10.2", switches={"group_user_groups": False}),
    "stamps on users, none of mfa": Passing(
        "§7.16", switches={"users_stamps": True, "users_mfa": False}
    ),
    # --- rows -------------------------------------------------------------------------------------
    "no mdate on notes and deals": Passing(
        "D3",
        _all_of(
            _rows("/notes", "notes", lambda row: row.update(mdate=None) if _third(row) else None),
            _rows("/deals", "deals", _without("mdate")),
        ),
        truth=_without_mdate,
    ),
    "an owner of a bad type": Passing(
        "D7", _rows("/accounts", "accounts", _odd_owner), truth=_owners_unread
    ),
    "several bad types in one row": Passing(
        "D7", _rows("/deals", "deals", _odd_deal), truth=_odd_deal_read
    ),
    "unknown columns": Passing("D11 §10.22", _rows("/contacts", "contacts", _new_columns)),
    "ids that are numbers": Passing("§1.3 §10.9", lambda w: w.faults.rewrite("", _ids_as_numbers)),
    "stubs that say 1 for true": Passing("§10.8", switches={"stub_disabled": 1}),
    "stages changed in the future": Passing(
        "§10.7", switches={"stage_udate_future": True}, truth=_hours_ahead
    ),
    # --- what the filters mean --------------------------------------------------------------------
    "filters of whole days": Passing("§6.1", switches={"date_granularity": "day"}),
    "filters that include their bound": Passing("§6.1", switches={"date_inclusive": True}),
    "filters on the other column": Passing("§6.1", switches={"date_column": "updated_timestamp"}),
    "filters on UTC": Passing("§6.1", switches={"date_naive_zone": "UTC"}),
}

CONTACT_STREAMS = (
    "crm_contacts",
    "marketing_contact_tags",
    "marketing_contacts",
    "marketing_segment_memberships",
)
#: The endpoints that may be forbidden for good, and the streams that need them.
CLOSED: dict[str, tuple[str, ...]] = {
    "/contacts": CONTACT_STREAMS,
    "/deals": ("crm_opportunities",),
    "/accounts": ("crm_accounts", "crm_contacts", "marketing_contacts"),
    "/notes": ("crm_notes",),
    "/tags": ("marketing_tags", *CONTACT_STREAMS),
    "/lists": ("marketing_segments", *CONTACT_STREAMS),
    "/dealStages": ("crm_stages", "crm_pipelines", "crm_opportunities"),
    "/dealGroups": ("crm_pipelines", "crm_stages", "crm_opportunities"),
    "/users": ("crm_users", "directory_users"),
    "/groups": ("directory_groups", "directory_users"),
    "/fields": ("crm_fields", "crm_contacts", "marketing_contacts"),
    "/accountCustomFieldMeta": ("crm_fields", "crm_accounts"),
    "/dealCustomFieldMeta": ("crm_fields", "crm_opportunities"),
    "/accountCustomFieldData": ("crm_accounts",),
    "/contactDeals": ("crm_opportunities",),
    "/contactTags": ("crm_contacts", "marketing_contacts", "marketing_contact_tags"),
    "/contactLists": (
        "crm_contacts",
        "marketing_contacts",
        "marketing_segment_memberships",
    ),
    "/fieldValues": ("crm_contacts", "marketing_contacts"),
    "/accountContacts": ("crm_contacts", "marketing_contacts"),
}
