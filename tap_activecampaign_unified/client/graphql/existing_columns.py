"""Leaves out the columns of a GraphQL selection that the account's schema lacks.

The account rejects a whole query for one unknown column. After a rejection, the reader of the query
asks for the account's schema once, and selects only columns that exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client.errors import InvalidRequest

from .request import run_graphql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_activecampaign_unified.client.client import Client


class AdaptedSelection:
    """The columns that queries for a type select. After `adapt`, only those that the account has.

    ``columns`` has the text of each column in a query. ``other_names`` are names that the account
    may have instead of a column's name. Only `adapt` adds them.
    """

    def __init__(
        self,
        client: Client,
        type_name: str,
        columns: Mapping[str, str],
        other_names: Iterable[str] = (),
    ) -> None:
        self._client, self._type_name = client, type_name
        self.columns = dict(columns)
        self._other_names = tuple(other_names)
        self._is_adapted = False

    def adapt(self) -> bool:
        """Leave out columns that the account's schema lacks. Return whether the columns changed.

        Only the first call sends a request. The columns stay as they are if the account has none of
        them, or does not send its schema.
        """
        if self._is_adapted:
            return False
        self._is_adapted = True
        kept = existing_columns(self._client, [self._type_name], self.columns, self._other_names)
        if not kept or kept == self.columns:
            return False
        self.columns = kept
        return True


def existing_columns(
    client: Client,
    type_names: Iterable[str],
    columns: Mapping[str, str],
    other_names: Iterable[str],
) -> dict[str, str]:
    """Return the columns, by either name, that all the types have on this account."""
    candidates = {**columns, **{other: other for other in other_names}}
    fields = [fields_of(client, type_name) for type_name in type_names]
    return {
        name: text for name, text in candidates.items() if all(name in names for names in fields)
    }


def fields_of(client: Client, type_name: str) -> set[str]:
    """Return the fields of a type on this account, or an empty set if the account sends none."""
    document = (
        "query($name: String!) { __type(name: $name) { fields { name } inputFields { name } } }"
    )
    try:
        description = run_graphql(client, document, {"name": type_name}).get("__type")
    except InvalidRequest:
        return set()
    entries = (
        (description.get("fields") or description.get("inputFields") or []) if description else []
    )
    return {str(entry.get("name")) for entry in entries if isinstance(entry, dict)}
