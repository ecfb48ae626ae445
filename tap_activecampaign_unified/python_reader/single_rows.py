"""Reads single rows by id, if ActiveCampaign sends them with the columns of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, rows_of

from .traversal import MAX_LIMIT, id_or_zero

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.endpoints.endpoint_table import Endpoint
    from tap_activecampaign_unified.resources.resource import Resource

#: Rows with their sort keys.
Ranked = list[tuple[list[Any], dict[str, Any]]]
# The key of a single row in a response, None if a single row lacks columns of a page. The rows of
# other endpoints have the key `singular` of their resource.
SINGULAR_OF_ENDPOINT = {
    "contacts": None,
    "lists": None,
    "tags": None,
    "deals": "deal",
    "ecomOrders": "ecomOrder",
}


def singular_of(resource: Resource) -> str | None:
    """Return the key of a single row in a response, None if the reader must read pages."""
    other = resource.singular if resource.relation is None else None
    return SINGULAR_OF_ENDPOINT.get(resource.endpoint_name, other)


def single_row(client: Client, endpoint: Endpoint, key: str, row_id: int) -> Ranked:
    """Return the row with an id and its sort key, or an empty list without a row."""
    try:
        body = client.get(f"{endpoint.path}/{row_id}", endpoint.params).body
    except NotFound:
        return []
    row = body.get(key)
    if not isinstance(row, dict) or id_or_zero(row) != row_id:
        return []
    if endpoint.path == "accounts" and row.get("name"):
        # A single account lacks the numbers of its contacts and deals. A page has them.
        params = [("limit", MAX_LIMIT), *endpoint.params, ("search", str(row["name"]).strip())]
        rows = rows_of(client.get(endpoint.path, params).body, endpoint.rows_key)
        row = next((candidate for candidate in rows if id_or_zero(candidate) == row_id), row)
    return [([row_id], row)]


def parent_row(client: Client, resource: Resource, endpoint: Endpoint, row_id: int) -> Ranked:
    """Return the parent of the related row with an id, or an empty list without a parent."""
    relation = next(joined for joined in endpoint.relations if joined.name == resource.relation)
    try:
        body = client.get(f"{resource.endpoint}/{row_id}").body
    except NotFound:
        return []
    rows = [row for row in body.values() if isinstance(row, dict)]
    parents = [number for row in rows if (number := relation.parent_number(row)) is not None]
    key = SINGULAR_OF_ENDPOINT.get(resource.endpoint_name)
    return single_row(client, endpoint, key, parents[0]) if parents and key else []
