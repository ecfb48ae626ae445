"""Every table of the account, with its indexes."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tests.sandbox import rows
from tests.sandbox.custom_objects import rows as object_rows
from tests.sandbox.ecommerce import rows as shop_rows
from tests.sandbox.engagement import rows as mail_rows
from tests.sandbox.event_tracking import TrackingLog
from tests.sandbox.tables import Table
from tests.sandbox.tasks import rows as task_rows

if TYPE_CHECKING:
    from collections.abc import Callable


def fold(text: str) -> str:
    """Return a name for comparison as MySQL's collation does: without case and outer blanks."""
    return text.strip().casefold()


def by(*columns: str) -> dict[str, Callable[[Any], Any]]:
    """Return an index by columns."""
    return {column: attrgetter(column) for column in columns}


def make_tables() -> dict[str, Table]:
    """Return the empty tables, named as the API names the collections."""
    tables = [
        Table("contacts", rows.Contact, email=lambda row: fold(row.email)),
        Table("fieldValues", rows.FieldValue, **by("contact")),
        Table("tags", rows.Tag, name=lambda row: (row.tagType, fold(row.tag))),
        Table("contactTags", rows.ContactTag, **by("contact", "tag")),
        Table("lists", rows.MailList),
        Table("contactLists", rows.ContactList, **by("contact", "list")),
        Table("fields", rows.Field),
        Table("fieldOptions", rows.FieldOption, **by("field")),
        Table("fieldRels", rows.FieldRel, **by("field")),
        Table("accounts", rows.Account, name=lambda row: fold(row.name)),
        Table("accountContacts", rows.AccountContact, **by("contact", "account")),
        Table("accountCustomFieldMeta", rows.CustomField),
        Table("accountCustomFieldData", rows.Datum, **by("owner", "customFieldId")),
        Table("dealCustomFieldMeta", rows.CustomField),
        Table("dealCustomFieldData", rows.Datum, **by("owner", "customFieldId")),
        Table("notes", rows.Note, parent=lambda row: (row.reltype, row.relid)),
        Table("deals", rows.Deal, **by("contact", "account", "stage", "group")),
        Table("dealGroups", rows.Pipeline),
        Table("dealStages", rows.Stage, **by("group")),
        Table("contactDeals", rows.ContactDeal, **by("contact", "deal")),
        Table("dealRoles", rows.DealRole),
        Table("dealActivities", rows.DealActivity, **by("deal")),
        Table("users", rows.User),
        Table("userGroups", rows.UserGroup, **by("user", "group")),
        Table("groups", rows.Group),
        Table("scores", rows.Score),
        Table("scoreValues", rows.ScoreValue, **by("contact", "deal")),
        Table("automations", rows.Automation),
        Table("contactAutomations", rows.ContactAutomation, **by("contact", "automation")),
        Table("segments", rows.Segment),
        Table("listGroups", rows.ListGroup, **by("list", "group")),
        *_ecommerce_tables(),
        Table("customSchemas", object_rows.CustomSchema, **by("uuid", "slug")),
        Table(
            "customRecords",
            object_rows.CustomRecord,
            key=lambda row: None if row.externalId is None else (row.schema, row.externalId),
            **by("schema", "uuid"),
        ),
        Table("logs", mail_rows.Log, **by("contact")),
        Table("links", mail_rows.Link, **by("campaign")),
        Table("linkData", mail_rows.LinkDatum, **by("contact")),
        Table("mppLinkData", mail_rows.LinkDatum, **by("contact")),
        Table("bounceLogs", mail_rows.BounceLog, **by("contact")),
        Table("reactions", mail_rows.Reaction, **by("contact")),
        Table("dealTasks", task_rows.Task),
        Table("dealTasktypes", task_rows.TaskType),
        Table("taskOutcomes", task_rows.TaskOutcome),
        Table("tasktypeOutcomeRels", task_rows.TypeOutcome, **by("type")),
        Table("trackingLogs", TrackingLog, **by("contact")),
    ]
    return {table.name: table for table in tables}


def _ecommerce_tables() -> list[Table]:
    key = {"key": lambda row: (row.connectionid, row.externalid)}
    record = {"key": lambda row: (row.connection, row.key)}
    return [
        Table("connections", shop_rows.Connection),
        Table(
            "ecomCustomers",
            shop_rows.EcomCustomer,
            email=lambda row: fold(row.email),
            **by("connectionid"),
            **key,
        ),
        Table(
            "ecomOrders", shop_rows.EcomOrder, **by("connectionid", "email", "customerid"), **key
        ),
        Table("ecomOrderProducts", shop_rows.EcomOrderProduct, **by("orderid")),
        Table("orderDiscounts", shop_rows.OrderDiscount, **by("orderid")),
        *(
            Table(name, shop_rows.StoreRecord, **record)
            for name in ("storeOrders", "storeProducts", "storeRecurringPayments")
        ),
    ]
