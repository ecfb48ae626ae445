"""Reads the stored documents of rows to write from the GraphQL store: many keys in a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, UnexpectedResponse
from tap_activecampaign_unified.client.graphql.existing_columns import existing_columns
from tap_activecampaign_unified.client.graphql.request import PATH, TooLarge, run_graphql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_activecampaign.sinks.write_context import WriteContext

    Key = tuple[int, str]
    Document = dict[str, Any]

#: The number of documents that a request reads.
READ_BATCH_SIZE = 100


@dataclass(frozen=True)
class StoredDocuments:
    """Reads documents by key, adapted to the columns that the account has.

    ``type_name`` is the GraphQL type of a read row, ``input_name`` that of a written row. Only
    columns of both types are read. ``renamed`` are pairs of a column's name and its other name.
    ``query_of`` returns the query of a key, from the names of the variables for the store's id and
    the row's own id. A search (``is_search``) answers with an array, which is empty for a row
    that does not exist. Another query answers with the row or null.
    """

    type_name: str
    input_name: str
    selection: dict[str, str]
    query_of: Callable[[str, str], str]
    renamed: tuple[tuple[str, str], ...] = ()
    is_search: bool = True

    def read(self, context: WriteContext, keys: Sequence[Key]) -> dict[Key, Document]:
        """Return the existing documents without their nulls.

        A response that lacks an answer does not mean that the row does not exist: an upsert would
        clear its columns. Raises `RequestError`.
        """
        if not keys:
            return {}
        try:
            return self._read(context, keys)
        except InvalidRequest as problem:
            is_adapted = self.type_name in context.known_columns
            if not isinstance(problem, TooLarge) and not is_adapted:
                self._learn_columns(context)
                return self.read(context, keys)
            if len(keys) == 1:
                raise
            half = len(keys) // 2
            return self.read(context, keys[:half]) | self.read(context, keys[half:])

    def _learn_columns(self, context: WriteContext) -> None:
        context.known_columns[self.type_name] = existing_columns(
            context.client,
            (self.type_name, self.input_name),
            self.selection,
            (other for _, other in self.renamed),
        )

    def drop_unknown_columns(self, context: WriteContext, document: Document) -> list[str]:
        """Rename and remove columns as the account needs; return the removed columns."""
        known = context.known_columns.get(self.type_name)
        if known is None:
            return []
        for name, other in self.renamed:
            if name in document and name not in known and other in known:
                document[other] = document.pop(name)
        unknown = sorted(name for name in document if name in self.selection and name not in known)
        for name in unknown:
            del document[name]
        return unknown

    def _read(self, context: WriteContext, keys: Sequence[Key]) -> dict[Key, Document]:
        variables: Document = {}
        for place, (store, own_id) in enumerate(keys):
            variables |= {f"s{place}": store, f"o{place}": own_id}
        places = range(len(keys))
        declared = ", ".join(f"$s{place}: Int, $o{place}: String" for place in places)
        queries = " ".join(
            f"a{place}: {self.query_of(f'$s{place}', f'$o{place}')} {{ ...Whole }}"
            for place in places
        )
        selection = context.known_columns.get(self.type_name, self.selection)
        columns = " ".join(selection.values())
        query = (
            f"query({declared}) {{ {queries} }} fragment Whole on {self.type_name} {{ {columns} }}"
        )
        data = run_graphql(context.client, query, variables)
        documents: dict[Key, Document] = {}
        for place, key in enumerate(keys):
            document = data.get(f"a{place}", False)
            if isinstance(document, list):
                document = document[0] if document else {}
            elif document is None and not self.is_search:
                document = {}
            if not isinstance(document, dict):
                text = "the response lacks rows that were asked for"
                raise UnexpectedResponse(text, method="POST", path=PATH, status=200)
            if document:
                documents[key] = without_null_columns(document)
        return documents


def without_null_columns(value: Any) -> Any:
    """Return a JSON value without the nulls of its objects, at any depth."""
    if isinstance(value, dict):
        return {
            name: without_null_columns(inner) for name, inner in value.items() if inner is not None
        }
    return [without_null_columns(inner) for inner in value] if isinstance(value, list) else value
