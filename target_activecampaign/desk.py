"""What every writer works with, and where it hands in what became of a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.unified.mapping import Derived, is_read_only

from .enrolments import Enrolments

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.api import Client, Clock
    from tap_activecampaign_unified.api.turns import Turns
    from tap_activecampaign_unified.unified.mapping import Resource

    from .custom_values import CustomValues
    from .forecast import Forecast
    from .guards import Guards
    from .importer import Importer
    from .ledger import Ledger
    from .pen import Pen
    from .policy import Policy
    from .references import References
    from .results import Outcome, Wait
    from .rows import Row


@dataclass(frozen=True)
class Kind:
    """A stream that can be written.

    ``family`` is what its rows are in ActiveCampaign, ``identity`` the columns that identify a
    row, in order; ``weak`` those that do so only where `match_opportunities_on` says so: else
    such a row is known by all it says. ``also`` are the columns it takes beside its resource's.
    ``write`` gets the rows of a batch and reports an outcome for each.
    """

    resource: Resource
    family: str
    identity: tuple[tuple[str, ...], ...]
    write: Callable[[Desk, Kind, list[Row]], None]
    also: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    can_delete: bool = False
    starts_automations: bool = False

    @property
    def entity(self) -> str:
        """Whose custom fields its rows have."""
        return {"deal": "opportunity"}.get(self.family, self.family)

    def writable(self) -> frozenset[str]:
        """Return the columns that are written; the others do not make a row a changed one."""
        names = {
            entry.unified
            for entry in self.resource.entries
            if not isinstance(entry, Derived) and not is_read_only(entry)
        }
        custom = {"custom_fields"} if self.resource.custom_fields else set()
        return frozenset((names | custom | self.also) - {"id", "password"})


@dataclass
class Desk:
    """The tools of one run; ``report`` ends a row, ``wait`` puts it aside until others came.

    A row that ``is_behind`` one of the same key that waits, waits too.

    All of it is every thread's: who writes has the ``turns``' baton, and hands it over only with a
    request or a sleep.
    """

    client: Client
    clock: Clock
    turns: Turns
    pen: Pen
    policy: Policy
    ledger: Ledger
    references: References
    custom: CustomValues
    importer: Importer
    guards: Guards
    forecast: Forecast
    report: Callable[[Row, Outcome], None]
    wait: Callable[[Row, Wait], None]
    is_behind: Callable[[Row], bool]
    enrolments: Enrolments = field(default_factory=Enrolments)

    def note_copy(self, kind: Kind, row: Row, native_id: str | None) -> None:
        """Remember which row here is the copy of another account's row."""
        source = row.record.get("id")
        if self.policy.is_foreign and native_id and source not in {None, ""}:
            self.ledger.note_copy(kind.family, str(source), native_id)

    def server_time(self) -> float:
        """Return the server's clock in seconds, ours before its first answer."""
        return (self.client.server_now or self.clock.now()).timestamp()


def sentence(reasons: list[str]) -> str | None:
    """Join reasons, each once, None where there is none."""
    return "; ".join(dict.fromkeys(reasons)) or None


def text_of(value: Any) -> str | None:
    """Return an id as text, None for none."""
    return None if value in {None, "", "0", 0} else str(value)
