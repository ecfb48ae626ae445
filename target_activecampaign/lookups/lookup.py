"""The base of every lookup: client, ledger, and the error of a name that is not found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import walk_offset
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.outcome import RowDeferred, RowError, RowRejected

from .foreign_ids import ForeignIds
from .outcomes_of_unwritten_records import UnwrittenRecords

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client, RowsKey
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger

NativeRow = dict[str, Any]
Ref = dict[str, str]


@dataclass(eq=False, repr=False)
class Lookup:
    """A lookup in one account for one run.

    The lookups of `ReferenceResolver` share its attributes.
    """

    client: Client
    ledger: Ledger
    policy: WritePolicy
    pool: CooperativePool
    #: While false, a later row may still create a record that is not found.
    is_final: bool = field(default=False, init=False)
    #: Resolves the ids that rows give.
    foreign_ids: ForeignIds = field(init=False)
    #: The records of rows that this run did not write.
    unwritten: UnwrittenRecords = field(default_factory=UnwrittenRecords, init=False)

    def __post_init__(self) -> None:
        """Resolve ids of rows with the ledger of this run."""
        self.foreign_ids = ForeignIds(self.ledger, self.policy)

    def not_found(self, column: str, family: str, by: str, key: str | None = None) -> RowError:
        """Return the error of a row whose reference does not resolve.

        While a later row may create the record, the row is deferred. ``column`` is the column of
        the reference. ``by`` says what the reference has, such as `name`. ``key`` is the natural
        key in the reference, if rows of its family may be unwritten.
        """
        if family == "user" and by == "name":
            by = "address"
        reason = f"{column}: the account has none with this {by}; create it or correct the row"
        return self.unresolved(reason, family, key)

    def unresolved(self, reason: str, family: str, key: str | None = None) -> RowError:
        """Return the error of a reference that does not resolve, as in `not_found`."""
        if not self.is_final:
            return RowDeferred(reason, family)
        return self.unwritten.error(family, key or "") or RowRejected(reason)

    def nested_rows(self, parent: str, native_id: str, key: RowsKey) -> list[NativeRow]:
        """Return the nested rows of a record, for example those of `/contacts/7/contactTags`.

        Raises `UnexpectedResponse` if the response has no such rows.
        """
        if is_planned(native_id):
            return []
        rows: list[NativeRow] = []
        name = key if isinstance(key, str) else key[0]
        for page in walk_offset(self.client, f"{parent}/{native_id}/{name}", key, lean=True):
            rows += page.rows
        return rows
