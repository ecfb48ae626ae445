"""What every writer works with, and where it hands in what became of a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_activecampaign.reporting.automation_counts import Enrolments

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client, Clock
    from target_activecampaign.client.write_client import Pen
    from target_activecampaign.concurrency.pool import Turns
    from target_activecampaign.config.write_policy import Policy
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.references import References
    from target_activecampaign.outcome import Outcome, Wait
    from target_activecampaign.records.record import Row
    from target_activecampaign.reporting.dry_run import Forecast
    from target_activecampaign.sinks.contacts.bulk_import.importer import Importer

    from .custom_fields import CustomValues
    from .limits import Guards
    from .sink import Kind


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
