"""Definition of a sink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.resource import Derived, is_read_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.resource import Resource
    from target_activecampaign.records.record import InputRecord

    from .context import WriteContext


@dataclass(frozen=True)
class Sink:
    """A stream that can be written.

    ``family`` is the kind of its records in ActiveCampaign, ``identity`` the columns that identify
    a row, in order; ``weak`` those that do so only where `match_opportunities_on` says so: else
    such a row is known by all it says. ``also`` are the columns it takes beside its resource's,
    ``consent_column`` the one that can unsubscribe a contact. ``kept`` are the columns that find
    the record of a row of which a part is left, where its id in the ledger does not. ``write`` gets
    the rows of a batch and reports an outcome for each.
    """

    resource: Resource
    family: str
    identity: tuple[tuple[str, ...], ...]
    write: Callable[[WriteContext, Sink, list[InputRecord]], None]
    also: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    can_delete: bool = False
    consent_column: str | None = None
    kept: frozenset[str] = frozenset()
    starts_automations: bool = False

    @property
    def entity(self) -> str:
        """The entity whose custom fields its rows have."""
        return {"deal": "opportunity"}.get(self.family, self.family)

    def writable(self) -> frozenset[str]:
        """Return the columns that are written; changes of other columns are no changes of a row."""
        names = {
            entry.unified
            for entry in self.resource.entries
            if not isinstance(entry, Derived) and not is_read_only(entry)
        }
        custom = {"custom_fields"} if self.resource.custom_fields else set()
        return frozenset((names | custom | self.also) - {"id", "password"})
