"""The table of the raw streams: path, rows, key and relation of each collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tap_activecampaign_unified.resources.input_values.column_names import snake_case
from tap_activecampaign_unified.resources.resource import (
    DELETED_AT,
    Record,
    Replication,
    Resource,
    Row,
    RowContext,
)

from .known_columns import COLUMNS
from .schema_inference import InferredSchema
from .special_walks import VALUE_COLUMN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.resources.schema_types import Schema

_TYPES = {
    "": ["string"],
    "i": ["integer"],
    "b": ["boolean"],
    "o": ["object"],
    "a": ["array"],
    "oa": ["object", "array"],
}


@dataclass(frozen=True)
class RawResource(Resource):
    """A collection that the tap emits as ActiveCampaign sends it, without a mapping.

    * ``key``: the name of the rows in responses. ``other_keys`` are other names.
    * ``known_columns``: the entry in `COLUMNS`.
    * ``parent``: the collection of the parent rows, if this collection has no list.
    * ``included_in``: the collection whose responses include the rows.
    * ``without``: columns that another stream of the same walk adds to the rows.
    * ``is_documented``: ActiveCampaign documents the list for every account (`Resource`).
    """

    selected_by_default: bool = False
    key: str = ""
    other_keys: tuple[str, ...] = ()
    known_columns: str = ""
    parent: str | None = None
    included_in: str | None = None
    without: tuple[str, ...] = ()
    id_type: str = "string"
    schema_grows: ClassVar[bool] = True

    def schema(
        self,
        custom: Any = None,  # noqa: ARG002 - as all resources
        *,
        remote_data: bool = False,  # noqa: ARG002
        deletes: bool = False,  # noqa: ARG002
    ) -> Schema:
        """Return the schema of the known columns, before the tap reads a row."""
        properties = {key: {"type": [self.id_type]} for key in self.keys}
        for entry in COLUMNS.get(self.known_columns, "").split():
            name, _, kind = entry.partition(":")
            properties.setdefault(name, {"type": [*_TYPES[kind], "null"]})
        return {"type": "object", "properties": properties, "required": list(self.keys)}

    def inferred_schema(self, declared: Schema, learned: Any) -> InferredSchema:
        """Return a schema that starts with the catalog's columns and grows with the rows."""
        return InferredSchema(declared, learned, self.without)

    def relations(self, wanted: Callable[[str], bool]) -> set[str]:  # noqa: ARG002
        """Return the relation of this stream's rows; empty if the walk yields the rows."""
        return {self.relation} if self.relation else set()


class RawRecordReader:
    """Returns rows unchanged, without deselected columns."""

    def __init__(self, collection: RawResource, wanted: Callable[[str], bool]) -> None:
        self._without, self._keys = frozenset(collection.without), frozenset(collection.keys)
        self._wanted = wanted

    def read(self, row: Row, _: RowContext) -> Record:
        """Return a row's record."""
        return {
            name: value
            for name, value in row.items()
            if name not in self._without and (name in self._keys or self._wanted(name))
        }

    def tombstone(self, values: Record) -> Record:
        """Return the tombstone of a deleted row."""
        return {name: value for name, value in values.items() if name != DELETED_AT}


def _rows_of(relation: str) -> Callable[[Row, RowContext], Iterable[Row]]:
    return lambda _, row_context: row_context.rows(relation)


def _listed(path: str, **more: Any) -> RawResource:
    """Return a collection that has a list."""
    key = more.pop("key", path)
    name = more.pop("name", None) or key
    return RawResource(
        name=f"raw_{snake_case(name)}",
        title=path,
        endpoint_name=more.pop("endpoint_name", path),
        endpoint=path,
        entries=(),
        key=key,
        known_columns=more.pop("known_columns", key),
        **more,
    )


def _child(parent: str, key: str, **more: Any) -> RawResource:
    """Return a collection that the tap reads with one request per parent row."""
    endpoint = more.pop("endpoint", f"{parent}/{{id}}/{key}")
    more.setdefault("is_documented", False)
    return _listed(
        endpoint,
        key=key,
        endpoint_name=parent,
        parent=parent,
        relation=f"raw_{key}",
        expand=_rows_of(f"raw_{key}"),
        **more,
    )


def _included(collection: str, key: str, endpoint_name: str, **more: Any) -> RawResource:
    """Return a collection whose rows only the responses of another collection include."""
    return _listed(
        collection,
        key=key,
        endpoint_name=endpoint_name,
        included_in=collection,
        relation=f"raw_{key}",
        expand=_rows_of(f"raw_{key}"),
        **more,
    )


_DOCUMENTED = (
    "accountContacts accountCustomFieldData accountCustomFieldMeta addresses automations "
    "brandings calendars campaigns connections contactAutomations contactDeals dealActivities "
    "dealCustomFieldData dealCustomFieldMeta dealGroups dealRoles dealStages dealTasks "
    "dealTasktypes ecomCustomers ecomOrderProducts ecomOrders fieldValues forms groupLimits groups "
    "listGroups lists messages personalizations savedResponses scores tags taskOutcomes "
    "tasktypeOutcomeRels users webhooks"
)
_UNDOCUMENTED = (
    "automationBlocks bounceLogs campaignLists campaignMessages configs contactConversions "
    "contactData contactEmails contactLists contactTags conversionTriggers conversions "
    "dealGroupUsers ecomOrderActivities goals linkData links messageActivities segments "
    "siteMessages sms templates"
)

COLLECTIONS: tuple[RawResource, ...] = (
    *(_listed(path) for path in _DOCUMENTED.split()),
    *(_listed(path, is_documented=False) for path in _UNDOCUMENTED.split()),
    _listed("accounts", without=("accountCustomFieldData", "customerAccountCustomFieldData")),
    _listed(
        "contacts",
        replication=Replication.FILTERED,
        replication_key="udate",
        changed=("udate", "updated_timestamp", "cdate"),
        without=("fieldValues", "contactTags", "contactLists"),
    ),
    _listed(
        "deals",
        replication=Replication.FILTERED,
        replication_key="mdate",
        changed=("mdate",),
        stamps=("cdate", "mdate"),
        without=("dealCustomFieldData",),
    ),
    # The documentation requires a contact, but other clients send requests without a contact.
    _listed(
        "activities",
        replication=Replication.FILTERED,
        replication_key="tstamp",
        changed=("tstamp",),
        stamps=("tstamp",),
        is_documented=False,
    ),
    _listed(
        "notes",
        replication=Replication.SCANNED,
        replication_key="mdate",
        changed=("mdate", "cdate"),
        stamps=("cdate", "mdate"),
    ),
    _listed(
        "emailActivities",
        replication=Replication.SCANNED,
        replication_key="tstamp",
        changed=("tstamp",),
        stamps=("tstamp",),
    ),
    _listed("fields", endpoint_name="raw/fields"),
    _listed("lists/exclusions", key="exclusions"),
    _listed("customObjects/schemas", key="schemas", name="customObjectSchemas"),
    _listed("eventTrackingEvents", keys=("name",)),
    _listed("webhook/events", key="webhookEvents", keys=(VALUE_COLUMN,)),
    _listed(
        "groupMembers", name="groupMembers", known_columns="groupDefinitions", id_type="integer"
    ),
    _listed(
        "audiences", key="data", name="audiences", known_columns="audiences", is_documented=False
    ),
    _listed(
        "prism/urlWhitelistings",
        key="data",
        name="urlWhitelistings",
        known_columns="urlWhitelistings",
    ),
    _listed("sms/broadcasts", name="smsBroadcasts", is_documented=False),
    _listed(
        "import/bulk_import",
        key="outstanding",
        name="bulkImportsOutstanding",
        keys=("forDate",),
        known_columns="bulkImports",
    ),
    _listed(
        "import/bulk_import",
        key="recentlyCompleted",
        endpoint_name="import/bulk_import done",
        name="bulkImportsRecentlyCompleted",
        keys=("forDate",),
        known_columns="bulkImports",
    ),
    _included("fields", "fieldOptions", "raw/fields"),
    _included("fields", "fieldRels", "raw/fields"),
    _included("activities", "activityRecipients", "activities", is_documented=False),
    _child("automations", "contactGoals", is_documented=True),
    _child("contacts", "contactLogs", is_documented=True),
    _child("contacts", "geoIps", is_documented=True),
    _child("contacts", "scoreValues", name="contactScoreValues", is_documented=True),
    _child("contacts", "trackingLogs", is_documented=True),
    _child("calendars", "calendarRels"),
    _child("calendars", "calendarUsers"),
    _child("dealGroups", "dealGroupGroups"),
    _child("deals", "scoreValues", name="dealScoreValues", is_documented=True),
    _child("dealTasks", "taskNotifications"),
    _child("ecomOrders", "orderDiscounts", other_keys=("ecomOrderDiscounts",)),
    _child("groups", "addressGroups"),
    _child("lists", "addressLists"),
    _child("lists", "contactGoalLists"),
    _child(
        "customObjects/schemas",
        "records",
        endpoint="customObjects/records/{id}",
        name="customObjectRecords",
        is_documented=True,
    ),
)
