"""The dependencies that every sink of a run shares."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from target_activecampaign.client.last_write_in_ledger import LastWriteInLedger
from target_activecampaign.lookups.opportunities import OpportunityLookup
from target_activecampaign.reporting.run_enrolments import RunEnrolments

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client, Clock
    from tap_activecampaign_unified.client.event_client import EventClient
    from tap_activecampaign_unified.resources.custom_objects import CustomObject
    from target_activecampaign.client.create_once import CreateOnce
    from target_activecampaign.client.write_client import WriteClient
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.holdout import Holdout
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.foreign_ids import ForeignIds
    from target_activecampaign.lookups.opt_outs import OptOuts
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.outcome import Outcome, RowDeferred
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.reporting.dry_run import DryRunPlan
    from target_activecampaign.sinks.contacts.bulk_import.importer import Importer
    from target_activecampaign.sinks.contacts.contact_change import ContactChange
    from target_activecampaign.sinks.contacts.contact_limit.account_limit import (
        ContactLimit,
    )

    from .change_limits import ChangeLimits
    from .fields.encode_custom_fields import CustomFieldEncoder


class NewestEntries(dict[Any, dict[str, Any]]):
    """A dictionary that drops its oldest entry beyond `MAX_ENTRIES`."""

    MAX_ENTRIES = 10_000

    def __setitem__(self, key: Any, document: dict[str, Any]) -> None:
        """Store an entry as the newest entry."""
        self.pop(key, None)
        super().__setitem__(key, document)
        if len(self) > self.MAX_ENTRIES:
            del self[next(iter(self))]


class RowResults(Protocol):
    """Takes the result of each row: `RowFinisher` of `processing/row_finisher.py`."""

    def finish(self, row: InputRow, outcome: Outcome) -> None:
        """Give a row its result."""

    def defer(self, row: InputRow, deferred: RowDeferred) -> None:
        """Keep a row until a later row may have created the record of its reference."""

    def defer_if_behind(self, row: InputRow) -> bool:
        """Defer a row if an earlier row of its key is deferred; return whether it was."""


class EarlierValues(Protocol):
    """Receives the rows before the target writes them.

    `UndoRecorder` then looks up their contacts, to record earlier values for an undo. In a dry run,
    `UndoCost` counts the requests for that.
    """

    def announce_records(self, family: str, rows: list[InputRow]) -> None:
        """Note the records of a family that rows are about to change. Raises `RequestError`."""


class AudienceGrants(Protocol):
    """Records the grants of audiences and other streams to contacts in the ledger.

    `GrantRecorder` of `audiences/grant_recorder.py` implements this.
    """

    def before_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record the grants that changes are about to make, and set the ids of known contacts.

        Raises `RequestError` if the present values cannot be read.
        """

    def find_written(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Set the unknown ids of written contacts that a grant needs.

        Raises `RequestError`.
        """

    def after_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record the grants that were made. Called in the transaction that confirms the rows."""

    def discard(self, change: ContactChange) -> None:
        """Remove the grants of a change that wrote nothing."""

    def document(self) -> dict[str, Any]:
        """Return the counts of each audience for the run report."""


@dataclass
class WriteContext:
    """The clients, lookups, settings and row results of a run.

    All threads share it. Only one thread of the ``pool`` runs at a time. Another thread runs only
    while this thread waits for a response or sleeps.
    """

    client: Client
    clock: Clock
    pool: CooperativePool
    write_client: WriteClient
    creates: CreateOnce
    policy: WritePolicy
    ledger: Ledger
    references: ReferenceResolver
    custom_fields: CustomFieldEncoder
    importer: Importer
    limits: ChangeLimits
    contact_limit: ContactLimit
    holdout: Holdout
    plan: DryRunPlan
    finisher: RowResults
    opt_outs: OptOuts
    #: Records the grants of each row to its contact, for the audiences of this and later runs.
    grants: AudienceGrants
    #: Records the values that rows replace; None if the run cannot be undone.
    earlier_values: EarlierValues | None = None
    enrolments: RunEnrolments = field(default_factory=RunEnrolments)
    #: Whether the log says who owns new deals without an owner.
    owner_is_logged: bool = False
    #: Sends events; None if the settings name no account of event tracking.
    events: EventClient | None = None
    #: The names of events that the account knows, empty until they are read.
    event_names: set[str] = field(default_factory=set)
    #: The account's columns of e-commerce by GraphQL type, for the types that were read.
    known_columns: dict[str, dict[str, str]] = field(default_factory=dict)
    #: The custom objects of the account by stream, None until they are read.
    custom_objects: dict[str, CustomObject] | None = None
    #: The records of custom objects that this run wrote, by schema and external id.
    written_records: NewestEntries = field(default_factory=NewestEntries)
    #: Folded addresses of the contacts of written orders and subscriptions. In a dry run, also
    #: those of all contacts that it would create.
    recent_contacts: NewestEntries = field(default_factory=NewestEntries)
    #: Outcomes of unwritten orders, by the store's id and their own id. Their lines get the same.
    unwritten_orders: dict[tuple[int, str], Outcome] = field(default_factory=dict)
    #: The written subscriptions, by the store's id and their own id. Reads show them late.
    written_subscriptions: NewestEntries = field(default_factory=NewestEntries)

    @functools.cached_property
    def last_write(self) -> LastWriteInLedger:
        """The time of the last write that reads show some seconds late."""
        return LastWriteInLedger(self.creates)

    @property
    def foreign_ids(self) -> ForeignIds:
        """Resolves the ids of rows (`source_ids`), and records the copies of records."""
        return self.references.foreign_ids

    def opportunities(self, count: int = 0) -> OpportunityLookup:
        """Return the lookup of deals for a batch of ``count`` rows of deals."""
        return OpportunityLookup(self.client, self.pool, self.references, count)
