"""Turns pages as ActiveCampaign sends them into records, without HTTP."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources import RESOURCES, by_name, shared_contact_fields
from tap_activecampaign_unified.resources.commerce.orders import GRAPHQL_ORDERS, ORDER_LINES
from tap_activecampaign_unified.resources.crm import field_definitions as crm_fields
from tap_activecampaign_unified.resources.crm.opportunities import CONTACT_DEALS
from tap_activecampaign_unified.resources.crm.stages import DEAL_STAGES
from tap_activecampaign_unified.resources.custom_field_rows import CUSTOM_VALUES
from tap_activecampaign_unified.resources.custom_fields import CustomFields, definition_of
from tap_activecampaign_unified.resources.directory.users import USER_GROUPS
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_COUNTS
from tap_activecampaign_unified.resources.record_reader import RecordReader
from tap_activecampaign_unified.resources.resource import NameTables, RowContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

GOLDEN = Path(__file__).parents[2] / "golden"
NAMES = [resource.name for resource in RESOURCES]

# The related rows of a page: the relation, and the columns that refer to the row.
SIDELOADS = {
    "fieldValues": (CUSTOM_VALUES, ("contact",)),
    "contactTags": (shared_contact_fields.TAGS, ("contact",)),
    "contactLists": (shared_contact_fields.MEMBERSHIPS, ("contact",)),
    "accountContacts": (shared_contact_fields.LINKS, ("contact",)),
    "scoreValues": (shared_contact_fields.SCORE_VALUES, ("contact",)),
    "dealCustomFieldData": (CUSTOM_VALUES, ("dealId", "deal_id")),
    "accountCustomFieldData": (CUSTOM_VALUES, ("accountId",)),
    "customerAccountCustomFieldData": (CUSTOM_VALUES, ("customer_account_id",)),
    "contactDeals": (CONTACT_DEALS, ("deal",)),
    "dealStages": (DEAL_STAGES, ("group",)),
    "userGroups": (USER_GROUPS, ("user",)),
    "counts": (SEGMENT_COUNTS, ("segment",)),
    "ecomOrderProducts": (ORDER_LINES, ("orderid",)),
}
# Scores of contacts and of deals have different relations.
SCORES = {"contacts": ("contact_scores", "contact"), "deals": ("deal_scores", "deal")}


def golden(name: str) -> dict[str, Any]:
    """Return a page and its expected records."""
    document: dict[str, Any] = json.loads(_text_of(name))
    return document


@cache
def _text_of(name: str) -> str:
    return (GOLDEN / f"{name}.json").read_text()


@contextlib.contextmanager
def about(*case: Any) -> Iterator[None]:
    """Name the case in a failure: one test of many cases costs less than many tests."""
    try:
        yield
    except Exception as problem:
        problem.add_note(f"The case is {' '.join(str(part)[:200] for part in case)}")
        raise


def custom_of(
    entity: str, rows: list[Row], options: list[Row] | None = None, mode: str = "perstag"
) -> CustomFields:
    """Return an entity's custom fields as the account defines them."""
    by_id = {str(option["id"]): option for option in options or []}
    return CustomFields([definition_of(entity, row, by_id) for row in rows], mode)


def joined_of(
    resource: Resource, row: Row, page: dict[str, Any], names: dict[str, Any]
) -> RowContext:
    """Return the related rows of a row, from the sideloads of its page."""
    related: dict[str, list[Row]] = {}
    for collection, (relation, columns) in SIDELOADS.items():
        rows = page.get(collection) if collection != resource.endpoint_name else None
        for other in rows if isinstance(rows, list) else ():
            if any(str(other.get(column)) == str(row.get("id")) for column in columns):
                related.setdefault(relation, []).append(other)
    for order in page.get("searchOrder") or ():
        if (str(order.get("legacyConnectionId")), order.get("storeOrderId")) == (
            str(row.get("connectionid")),
            row.get("externalid"),
        ):
            related.setdefault(GRAPHQL_ORDERS, []).append(order)
    relation, column = SCORES.get(resource.endpoint_name, ("", ""))
    scores = page.get("scoreValues") if relation else None
    for score in scores if isinstance(scores, list) else ():
        if str(score.get(column)) == str(row.get("id")):
            related.setdefault(relation, []).append(score)
    return RowContext(NameTables(**names), related, resource.zone_of(row))


def records_of(resource: Resource, document: dict[str, Any], **options: Any) -> list[Record]:
    """Return the records of a document's page."""
    page, names = document["page"], document.get("names", {})
    fields = document.get("fields", [])
    if resource.name == "crm_fields":
        custom = custom_of("contact", fields, document.get("options"))
        rows = [crm_fields.row_of(definition, custom) for definition in custom.definitions]
        reader = RecordReader(resource, **options)
        return [
            reader.read(row, RowContext(NameTables(), {}, resource.zone_of(row))) for row in rows
        ]
    entity = resource.custom_fields
    custom_fields = custom_of(entity, fields, document.get("options")) if entity else None
    reader = RecordReader(resource, custom_fields, **options)
    records = []
    for row in page[resource.endpoint_name]:
        row_context = joined_of(by_name[resource.name], row, page, names)
        records += [reader.read(part, row_context) for part in resource.expand(row, row_context)]
    return records


def read_row(name: str, row: Row, **page: Any) -> Record:
    """Return the record of a single row with its related rows."""
    resource = by_name[name]
    fields = page.pop("fields", [])
    found = {"page": {resource.endpoint_name: [row], **page}, "fields": fields}
    [record] = records_of(resource, found)
    return record


# Every native column of the golden pages, of rows and of sideloads.
COLUMNS = [
    pytest.param(
        name,
        collection,
        [column for column in rows[0] if column not in {"id", "links"}],
        id=f"{name}: {collection}",
    )
    for name in by_name
    for collection, rows in golden(name)["page"].items()
    if isinstance(rows, list) and rows and isinstance(rows[0], dict)
]
