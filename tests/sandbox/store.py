"""Every table of the account, with the indexes its lookups need."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tests.sandbox import rows
from tests.sandbox.ecommerce import rows as shop_rows
from tests.sandbox.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable


def fold(text: str) -> str:
    """Compare names as MySQL's collation does: case and outer blanks do not count."""
    return text.strip().casefold()


def by(*columns: str) -> dict[str, Callable[[Any], Any]]:
    """Index rows by columns as they are."""
    return {column: attrgetter(column) for column in columns}


def make_tables() -> dict[str, Table]:
    """Make the empty tables, named as the API names the collections."""
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
