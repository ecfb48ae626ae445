"""Reads the documents that the GraphQL store has of rows to write: many keys in one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest
from tap_activecampaign_unified.client.graphql import TooLarge, run_graphql
from tap_activecampaign_unified.client.pagination.graphql_walk import fields_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_activecampaign.sinks.context import WriteContext

    Key = tuple[int, str]
    Document = dict[str, Any]

#: The number of documents that one request reads.
READ_BATCH_SIZE = 100


@dataclass(frozen=True)
class StoredDocuments:
    """Reads documents by key, adapted to the columns that the account has.

    ``type_name`` and ``input_name`` are the types of a row that is read and of one that is
    written: only what both have is read. ``renamed`` are other names of columns, by the first.
    ``query_of`` returns the query for one key, from the names of the variables of its store and its
    own id.
    """

    type_name: str
    input_name: str
    selection: dict[str, str]
    query_of: Callable[[str, str], str]
    renamed: tuple[tuple[str, str], ...] = ()

    def read(self, context: WriteContext, keys: Sequence[Key]) -> dict[Key, Document]:
        """Return the documents that exist, without their nulls."""
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
        shared = fields_of(context.client, self.type_name) & fields_of(
            context.client, self.input_name
        )
        every = {**self.selection, **{other: other for _, other in self.renamed}}
        context.known_columns[self.type_name] = {
            name: text for name, text in every.items() if name in shared
        }

    def drop_unknown_columns(self, context: WriteContext, document: Document) -> list[str]:
        """Spell a document's columns as the account does; return those that it does not have."""
        known = context.known_columns.get(self.type_name)
        if known is None:
            return []
        for name, other in self.renamed:
            if name in document and name not in known and other in known:
                document[other] = document.pop(name)
        left = sorted(name for name in document if name in self.selection and name not in known)
        for name in left:
            del document[name]
        return left

    def _read(self, context: WriteContext, keys: Sequence[Key]) -> dict[Key, Document]:
        variables: Document = {}
        for place, (store, own) in enumerate(keys):
            variables |= {f"s{place}": store, f"o{place}": own}
        places = range(len(keys))
        declared = ", ".join(f"$s{place}: Int, $o{place}: String" for place in places)
        queries = " ".join(
            f"a{place}: {self.query_of(f'$s{place}', f'$o{place}')} {{ ...Whole }}"
            for place in places
        )
        selection = context.known_columns.get(self.type_name, self.selection)
        columns = " ".join(selection.values())
        document = (
            f"query({declared}) {{ {queries} }} fragment Whole on {self.type_name} {{ {columns} }}"
        )
        data = run_graphql(context.client, document, variables)
        found: dict[Key, Document] = {}
        for place, key in enumerate(keys):
            answer = data.get(f"a{place}")
            if isinstance(answer, list):
                answer = answer[0] if answer else None
            if isinstance(answer, dict):
                found[key] = without_nulls(answer)
        return found


def without_nulls(value: Any) -> Any:
    """Return a JSON value without the nulls of its objects, at any depth."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
