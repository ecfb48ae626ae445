"""The change of a contact: parsed from each row, then merged from a batch's rows of the contact."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import REFUSALS
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.resource import Field
from target_activecampaign.holdout import HELD_OUT
from target_activecampaign.outcome import outcome_of
from target_activecampaign.records.record_identity import RecordIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.resources.custom_fields import FieldDefinition
    from tap_activecampaign_unified.resources.resource import Resource
    from target_activecampaign.records.input_row import InputRow

MAX_TAG_LENGTH = 255
SUBSCRIBE, UNSUBSCRIBE = 1, 2
ADDRESS = "email"
#: The request of a row that requests only the contact itself.
CONTACT_ITSELF = "exist"
#: Stands for all parts of a row in the reasons by part.
WHOLE_ROW = ""

Reasons = dict[str, list[str]]


def contact_columns(resource: Resource) -> dict[str, str]:
    """Return the unified names of a contact's writable columns, by native name.

    The address is excluded, because it identifies the contact.
    """
    return {
        entry.native: entry.unified
        for entry in resource.entries
        if isinstance(entry, Field)
        and not entry.read_only
        and entry.unified not in resource.keys
        and entry.native != ADDRESS
    }


@dataclass(slots=True)
class RowRequest:
    """The requests of a row of a change, and the reasons for parts that are not written.

    * ``requested``: the requests that the change may carry out.
    * ``left_out``: the row or the account has a fault. The next run sends the part again.
    * ``withheld``: an opt-out or the contact's state forbids it. The next run sends the part again.
    * ``postponed``: the row has no fault. A later run sends the part.
    * ``denied``: a setting forbids a part. No run sends it until the row or the setting changes.
    * ``origins``: requests with their parts, if the request has another name than its part.
    * ``requests_contact_if_empty``: a row without requests requests the contact itself.

    ``left_out``, ``withheld`` and ``postponed`` have reasons by part. `WHOLE_ROW` stands for all
    parts. ``denied`` has only reasons.
    """

    row: InputRow
    requested: set[str] = field(default_factory=set)
    left_out: Reasons = field(default_factory=dict)
    denied: list[str] = field(default_factory=list)
    withheld: Reasons = field(default_factory=dict)
    postponed: Reasons = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    origins: tuple[tuple[str, str], ...] = ()
    requests_contact_if_empty: bool = True

    def __post_init__(self) -> None:
        """Add the denials that the ledger has for the row."""
        self.denied += self.row.denied

    def leave_out(self, part: str, reason: str) -> None:
        """Note a part with a fault that the user can correct."""
        self.left_out.setdefault(part, []).append(reason)

    def withhold(self, part: str, reason: str) -> None:
        """Note a part that cannot be written now."""
        self.withheld.setdefault(part, []).append(reason)

    def postpone(self, part: str, reason: str) -> None:
        """Note a part that a later run sends again."""
        self.postponed.setdefault(part, []).append(reason)

    def note_origin(self, request: str, part: str) -> None:
        """Note the part of a request that has another name than its part."""
        if request != part:
            self.origins += ((request, part),)

    def parts_of(self, request: str) -> list[str]:
        """Return the parts of a request."""
        return [part for name, part in self.origins if name == request] or [request]

    @property
    def parts_to_resend(self) -> frozenset[str]:
        """The parts that the next run requests again."""
        return frozenset([*self.left_out, *self.withheld, *self.postponed]) - {WHOLE_ROW}

    @property
    def confirms_row(self) -> bool:
        """Whether the ledger may confirm all parts except `parts_to_resend`."""
        return WHOLE_ROW not in self.left_out and WHOLE_ROW not in self.postponed

    @property
    def reasons(self) -> list[str]:
        """The reasons for unwritten parts, and the remarks of the result."""
        left_out, withheld, postponed = (
            [reason for reasons in by_part.values() for reason in reasons]
            for by_part in (self.left_out, self.withheld, self.postponed)
        )
        return [*left_out, *self.denied, *withheld, *postponed, *self.remarks]


@dataclass(frozen=True, slots=True)
class RequestedGrant:
    """A grant that a row of a change requests.

    ``grantor`` is the row's audience or stream. ``value`` is a field's normalized value.
    """

    row: InputRow
    grantor: str
    request: str
    grant_id: str
    value: str
    is_of_audience: bool


@dataclass(slots=True)
class PendingGrants:
    """The grants of a change, for audiences. The ledger records them before the write.

    * ``person``: the person who receives the grants.
    * ``requested``: all grants that the change requests, those of other streams too.
    * ``removed``: the ids of grants that the change removes.
    * ``new``: the new grants among ``requested``.
    * ``was_done_before``: the requests that were carried out before, as a read shows.
    * ``started``: by grant id, the request and the earlier value of its grantors. It has the tags
      and lists that no other client is known to have added after the last confirmed grant. For
      example, a change that adds the tag 7 for the first time has ``{"tag:7": ("tag:vip", "")}``.
    """

    person: str
    requested: list[RequestedGrant]
    removed: set[str]
    new: list[RequestedGrant] = field(default_factory=list)
    was_done_before: set[str] = field(default_factory=set)
    started: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class StreamGrants:
    """The grants of a change by streams that are no audience, and the grant ids that it removes.

    ``names`` has the contact of each row, by the `id` of the row: the id in the row, else the
    placeholder of the address in the row. It is empty if the row has neither.
    """

    grants: list[RequestedGrant]
    removed: set[str]
    names: dict[int, str]


@dataclass(slots=True)
class ContactChange:
    """The requests of all rows of a contact; later rows win.

    * ``id``, ``email``: the id and the address of the contact, None if unknown.
    * ``new_email``: the address to write, None to leave it unchanged.
    * ``columns``: the native columns to write.
    * ``values``: the custom values to write, by field id, as in `EncodedFields`.
    * ``tags``: by folded name, the name and whether the tag is added.
    * ``lists``: the requested status by list id.
    * ``memberships``: the present status by list id.
    * ``resubscribed``: the lists on which the write overrides an opt-out.
    * ``is_mirror``: the write removes every other tag of the namespace.
    * ``account``: a reference to the contact's account, by ``id`` or ``name``.
    * ``title``: the contact's job title in the account, None to leave it unchanged.
    * ``created``: whether the write created the contact, None until a request wrote the contact.
    * ``is_touched``: a request of the change was carried out.
    * ``automations``: by id, whether the contact enters or leaves.
    * ``associations``: ids of tag associations to remove.
    * ``left_automations``: the names of automations that the contact was in and left.
    * ``pending_grants``: the grants of audiences.
    * ``stream_grants``: the grants of other streams.
    * ``is_revocation``: the change concerns a person who left an audience.
    """

    row_requests: list[RowRequest]
    id: str | None = None
    email: str | None = None
    new_email: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    values: dict[str, tuple[FieldDefinition, Any, str | None]] = field(default_factory=dict)
    tags: dict[str, tuple[str, bool]] = field(default_factory=dict)
    is_mirror: bool = False
    lists: dict[str, int] = field(default_factory=dict)
    resubscribed: frozenset[str] = frozenset()
    automations: dict[str, bool] = field(default_factory=dict)
    account: dict[str, str] = field(default_factory=dict)
    title: str | None = None
    memberships: dict[str, int] = field(default_factory=dict)
    created: bool | None = None
    is_touched: bool = False
    associations: tuple[str, ...] = ()
    left_automations: list[str] = field(default_factory=list)
    pending_grants: PendingGrants | None = None
    stream_grants: StreamGrants | None = None
    is_revocation: bool = False

    @property
    def adds(self) -> list[str]:
        """The names of tags to add."""
        return [name for name, is_added in self.tags.values() if is_added]

    @property
    def removes(self) -> list[str]:
        """The names of tags to remove."""
        return [name for name, is_added in self.tags.values() if not is_added]

    @property
    def has_requests(self) -> bool:
        """Whether any row still has a request."""
        return any(row_request.requested for row_request in self.row_requests)

    @property
    def upserts(self) -> bool:
        """Whether the contact must exist after the write."""
        core = self.columns or self.values or self.adds or self.lists or self.account
        return bool(core) or any(
            CONTACT_ITSELF in row_request.requested for row_request in self.row_requests
        )

    @property
    def ledger_id(self) -> str | None:
        """The ledger's id of this address, None if the row's key has no address."""
        row = self.row_requests[0].row if self.row_requests else None
        return row.ledger_id if row is not None and "email" in row.key else None

    @property
    def enters(self) -> bool:
        """Whether the contact is to enter an automation."""
        return any(self.automations.values())

    def deny(self, request: str, reason: str) -> None:
        """Withdraw a request that a setting forbids, from every row that has it."""
        for row_request in self._withdraw(request):
            row_request.denied.append(reason)

    def withhold(self, request: str, reason: str) -> None:
        """Withdraw a request that cannot be written now, from every row that has it."""
        for row_request in self._withdraw(request):
            for name in row_request.parts_of(request):
                row_request.withhold(name, reason)

    def leave_out(self, request: str, reason: str) -> None:
        """Withdraw a request with a fault that the user can correct, from every row that has it."""
        for row_request in self._withdraw(request):
            for name in row_request.parts_of(request):
                row_request.leave_out(name, reason)

    def postpone(self, request: str, reason: str) -> None:
        """Withdraw a request that a later run sends again, from every row that has it."""
        for row_request in self._withdraw(request):
            for name in row_request.parts_of(request):
                row_request.postpone(name, reason)

    def note_refused(self, request: str, reason: str) -> None:
        """Note that ActiveCampaign refused a request of a contact that was written."""
        for row_request in self.row_requests:
            if request in row_request.requested:
                for name in row_request.parts_of(request):
                    row_request.leave_out(name, reason)

    def _withdraw(self, request: str) -> list[RowRequest]:
        affected = [
            row_request for row_request in self.row_requests if request in row_request.requested
        ]
        for row_request in affected:
            row_request.requested.discard(request)
        return affected


def strip_held_out(changes: list[ContactChange]) -> None:
    """Keep only the unsubscriptions of held-out contacts in changes that are not yet merged.

    Other requests are postponed. The ledger does not confirm them, so the target sends them when
    the control group ends.
    """
    for change in changes:
        [row_request] = change.row_requests
        if not row_request.row.is_held_out:
            continue
        change.lists = {
            list_id: status for list_id, status in change.lists.items() if status == UNSUBSCRIBE
        }
        change.columns, change.values, change.tags = {}, {}, {}
        change.automations, change.account, change.title = {}, {}, None
        change.associations = ()
        change.is_mirror, change.new_email = False, None
        unsubscriptions = {f"list:{list_id}" for list_id in change.lists}
        if row_request.requested != unsubscriptions:
            row_request.requested &= unsubscriptions
            row_request.left_out, row_request.withheld = {}, {}
            row_request.denied, row_request.remarks = [], []
            row_request.postponed = {WHOLE_ROW: [HELD_OUT]}


def identity_of_change(change: ContactChange) -> RecordIdentity:
    """Return the identity of a contact by its known ids and addresses."""
    names = {("id", change.id)} if change.id else set()
    names |= {("email", fold(address)) for address in (change.email, change.new_email) if address}
    names |= {
        ("id", row_request.row.ledger_id)
        for row_request in change.row_requests
        if row_request.row.ledger_id
    }
    columns = {"id": change.id, "email": change.email}
    return RecordIdentity(
        frozenset(names), frozenset(column for column, value in columns.items() if value)
    )


@contextlib.contextmanager
def left_out_where_refused(change: ContactChange, request: str) -> Iterator[None]:
    """Leave out a tag or list that ActiveCampaign refuses, if the contact itself was written."""
    try:
        yield
    except REFUSALS as problem:
        if change.created is None and not change.is_touched:
            raise
        change.note_refused(request, outcome_of(problem).reason or "")
