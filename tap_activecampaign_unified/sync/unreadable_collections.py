"""Collections that the key could not read, so that values are missing in records.

A stream's state names them. Once the key can read one of them, the stream emits all rows again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.endpoints.endpoint_table import NAMES_OF
from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.commerce.orders import GRAPHQL_ORDERS
from tap_activecampaign_unified.resources.custom_field_rows import CUSTOM_VALUES
from tap_activecampaign_unified.resources.custom_fields import FIELD_PATHS
from tap_activecampaign_unified.sync.relations.graphql_orders import GraphqlOrders
from tap_activecampaign_unified.sync.relations.relation_loader import RelationLoader

from .lookups import NAME_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_activecampaign_unified.endpoints.endpoint_table import Endpoint
    from tap_activecampaign_unified.sync.relations.loader import Loader

    from .lookups import Lookups
    from .stream_interface import SelectedStream

#: Key in a stream's state: collections that the tap could not read, so that values are missing.
LEFT_OUT = "left_out"


class UnreadableCollections:
    """Finds the unreadable collections of the values of an endpoint's streams."""

    def __init__(self, endpoint: Endpoint, lookups: Lookups) -> None:
        self._endpoint, self._lookups = endpoint, lookups

    def has_become_readable(self, selection: SelectedStream) -> bool:
        """Return whether the key can read a collection now that earlier runs could not read.

        Sends a request for each collection of earlier runs.
        """
        return any(self._lookups.may_read(path) for path in self._of_earlier_runs(selection))

    def names(
        self, selection: SelectedStream, loaders: Mapping[str, Loader], *, is_full_read: bool
    ) -> list[str]:
        """Return the collections of a stream's values that the tap could not read.

        This includes collections of earlier runs, unless this run read all rows again
        (``is_full_read``).
        """
        unreadable = set(self._lookups.unread)
        if not is_full_read:
            unreadable.update(self._of_earlier_runs(selection))
        for loader in loaders.values():
            if isinstance(loader, (RelationLoader, GraphqlOrders)) and not loader.is_complete:
                unreadable.add(loader.collection)
        return sorted(unreadable & self._collections(selection))

    def _of_earlier_runs(self, selection: SelectedStream) -> list[str]:
        former = selection.entry.get(LEFT_OUT)
        names = former if isinstance(former, list) else ()
        return sorted(name for name in self._collections(selection) if name in names)

    def _collections(self, selection: SelectedStream) -> set[str]:
        """Return the collections of a stream's values, besides the collection of its rows."""
        needed = selection.resource.relations(selection.wanted)
        collections = {
            relation.collection for relation in self._endpoint.relations if relation.name in needed
        }
        collections |= {NAME_COLUMNS[kind][0] for name in needed for kind in NAMES_OF.get(name, ())}
        if shared_contact_fields.LINKS in needed:
            collections.add("accounts")
        if GRAPHQL_ORDERS in needed:
            collections.add(GraphqlOrders.collection)
        if entity := entity_of(selection):
            collections.add(FIELD_PATHS[entity])
        return collections


def entity_of(selection: SelectedStream) -> str | None:
    """Return the entity of the custom fields in a stream's records, None without custom fields."""
    needed = CUSTOM_VALUES in selection.resource.relations(selection.wanted)
    return selection.resource.custom_fields if needed else None
