"""The dependencies that every sink of a run shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from target_activecampaign.reporting.automation_counts import AutomationCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.client import Client, Clock
    from tap_activecampaign_unified.client.event_client import EventClient
    from tap_activecampaign_unified.resources.custom_objects import CustomObject
    from target_activecampaign.client.create_once import CreateOnce
    from target_activecampaign.client.write_client import WriteClient
    from target_activecampaign.concurrency.pool import CooperativePool
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.holdout import Holdout
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.foreign_ids import ForeignIds
    from target_activecampaign.lookups.opt_outs import OptOuts
    from target_activecampaign.lookups.references import References
    from target_activecampaign.outcome import Outcome, RowDeferred
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.reporting.dry_run import DryRunPlan
    from target_activecampaign.sinks.contacts.bulk_import.importer import Importer
    from target_activecampaign.sinks.contacts.change import ContactChange
    from target_activecampaign.sinks.contacts.contact_limit import ContactLimit

    from .custom_fields import CustomFieldWriter
    from .limits import ChangeLimits


class RecentDocuments(dict[Any, dict[str, Any]]):
    """The newest written documents by key; it drops the oldest, so that memory stays bounded."""

    MOST = 10_000

    def __setitem__(self, key: Any, document: dict[str, Any]) -> None:
        """Store a document as the newest."""
        self.pop(key, None)
        super().__setitem__(key, document)
        if len(self) > self.MOST:
            del self[next(iter(self))]


class RowResults(Protocol):
    """Takes the result of each row: `RowFinisher` of `processing/row_finisher.py`."""

    def finish(self, row: InputRecord, outcome: Outcome) -> None:
        """Give a row its result."""

    def defer(self, row: InputRecord, deferred: RowDeferred) -> None:
        """Keep a row until later rows may have created the record that it refers to."""

    def is_behind(self, row: InputRecord) -> bool:
        """Return whether an earlier row of the same key is deferred."""


class EarlierValues(Protocol):
    """Notes the values that rows replace, before they are written.

    `UndoRecorder` notes them for an undo; in a dry run `UndoCost` counts what that would take.
    """

    def expect(self, family: str, rows: list[InputRecord]) -> None:
        """Note the records of a family that rows are about to change. Raises `RequestError`."""

    def note_imported(self, email: str, native_id: str) -> None:
        """Note the id of a contact that the importer created."""

    def note_leavers(self, leavers: Iterable[tuple[str, str, dict[str, str]]]) -> None:
        """Note people who leave an audience: the contact, the grantor, and its grants by id."""


class AudienceGrants(Protocol):
    """Records in the ledger what audiences and other streams grant to contacts.

    `GrantRecorder` of `audiences/grants.py` does it.
    """

    def before_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record what changes will grant, and set the ids of the contacts that the account has.

        Raises `RequestError` where the present values cannot be read.
        """

    def after_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record which grants were made; called in the transaction that confirms the rows."""

    def discard(self, change: ContactChange) -> None:
        """Remove the grants of a change of which nothing was written."""

    def document(self) -> dict[str, Any]:
        """Return what became of each audience, for the run report."""


@dataclass
class WriteContext:
    """The clients, lookups, settings and row results of a run.

    All threads share it. Only one thread of the ``pool`` runs at a time; another one runs only
    while this one waits for a response or sleeps.
    """

    client: Client
    clock: Clock
    pool: CooperativePool
    write_client: WriteClient
    creates: CreateOnce
    policy: WritePolicy
    ledger: Ledger
    references: References
    custom: CustomFieldWriter
    importer: Importer
    limits: ChangeLimits
    contact_limit: ContactLimit
    holdout: Holdout
    plan: DryRunPlan
    rows: RowResults
    opt_outs: OptOuts
    #: Records what each row grants to its contact, for the audiences of this and later runs.
    audiences: AudienceGrants
    #: Reads what rows replace, None where the run cannot be undone.
    earlier_values: EarlierValues | None = None
    enrolments: AutomationCounts = field(default_factory=AutomationCounts)
    #: Sends events, None where the settings name no account of event tracking.
    events: EventClient | None = None
    #: The names of events that the account knows, empty until they were read.
    event_names: set[str] = field(default_factory=set)
    #: The columns of e-commerce that the account has, by type, where it was asked for them.
    known_columns: dict[str, dict[str, str]] = field(default_factory=dict)
    #: The custom objects of the account by stream, None until they were read.
    custom_objects: dict[str, CustomObject] | None = None
    #: The records of custom objects that this run wrote, by schema and external id.
    written_records: RecentDocuments = field(default_factory=RecentDocuments)
    #: Folded addresses of contacts that orders and subscriptions of this run were sent for, and in
    #: a dry run of all that it would create.
    recent_contacts: RecentDocuments = field(default_factory=RecentDocuments)
    #: What became of orders that were not written, by store and their own id: of their lines too.
    unwritten_orders: dict[tuple[int, str], Outcome] = field(default_factory=dict)
    #: The subscriptions of this run, by store and their own id: reads show them some seconds later.
    written_subscriptions: RecentDocuments = field(default_factory=RecentDocuments)

    @property
    def foreign_ids(self) -> ForeignIds:
        """Resolves the ids of rows (`source_ids`), and records the copies of records."""
        return self.references.foreign_ids
