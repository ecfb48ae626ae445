"""Definition of a sink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.resource import Derived, is_read_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.resource import Resource
    from target_activecampaign.records.input_row import InputRow

    from .write_context import WriteContext


@dataclass(frozen=True)
class Sink:
    """A stream that can be written.

    * ``resource``: the table of its fields, and its endpoint.
    * ``family``: the kind of its records in ActiveCampaign.
    * ``key_columns``: the columns that identify a row, in the order in which they are tried.
    * ``weak``: columns of ``key_columns`` that count only if `match_opportunities_on` names them.
      Otherwise the whole record identifies such a row in the ledger.
    * ``also``: writable columns that the resource does not have.
    * ``consent_column``: the column that can unsubscribe a contact.
    * ``kept``: the columns that stay in a row whose other parts are confirmed. They identify its
      record if the ledger has no id.
    * ``write``: writes the rows of a batch and gives each row its outcome.
    * ``can_delete``: `delete_mode: delete` deletes its records (`deletes.py`).
    * ``starts_automations``: any write can start an automation, so `run_automations: false` skips
      its rows (`run_automations.py`). Contacts are not skipped: the importer starts no automation.
    """

    resource: Resource
    family: str
    key_columns: tuple[tuple[str, ...], ...]
    write: Callable[[WriteContext, Sink, list[InputRow]], None]
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

    @cached_property
    def writable(self) -> frozenset[str]:
        """The writable columns. A change of any other column does not change a row."""
        names = {
            entry.unified
            for entry in self.resource.entries
            if not isinstance(entry, Derived) and not is_read_only(entry)
        }
        custom = {"custom_fields"} if self.resource.custom_fields else set()
        return frozenset((names | custom | self.also) - {"id", "password"})
