"""Sends upserts by GraphQL in batches; rejects the rows that an error names, retries the others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, RequestError
from tap_activecampaign_unified.client.graphql.request import TooLarge
from target_activecampaign.client.write_client import DocumentChange
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    RowRejected,
    join_reasons,
    outcome_of,
)
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.convert_record import convert_record
from target_activecampaign.records.null_policy import written_values
from target_activecampaign.records.row_parts import has_part
from target_activecampaign.records.skip_marked_rows import skip_flagged
from target_activecampaign.reporting.results import CHANGED
from target_activecampaign.sinks.contacts.contact_limit.beyond_limit import (
    LIMIT_REFUSED,
    is_limit_refusal,
)

from .skipped_carts import skip_cart
from .store_lookup import store_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client.errors import ErrorDetail
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

    Key = tuple[int, str]
    Document = dict[str, Any]

WRITE_BATCH_SIZE = 50
ACCEPTED = "accepted"


@dataclass(frozen=True)
class Mutation:
    """The mutation that upserts rows of a resource, with its variable and its response.

    ``key`` is the native column of the store's own id, ``column`` its unified name. ``is_async``:
    the response confirms only that ActiveCampaign accepted the rows. ``is_patch``: ActiveCampaign
    keeps the columns that a row does not name.
    """

    stream: str
    name: str
    variable: str
    type_name: str
    key: str
    column: str
    is_async: bool = False
    is_patch: bool = False

    @property
    def query(self) -> str:
        """The text of the mutation; its rows are variables."""
        columns = "recordId" if self.is_async else f"id legacyConnectionId {self.key}"
        return (
            f"mutation($rows: [{self.type_name}]) "
            f"{{ {self.name}({self.variable}: $rows) {{ {columns} }} }}"
        )


@dataclass
class Upsert:
    """A record to write: its rows in input order, and the document to send.

    ``exists``: the store had the record before, None if that is not known. ``before`` is the stored
    document. ``left_out`` are the columns that are not written, with the reasons. The next run
    requests these columns again. ``denied`` are the reasons of settings that forbid a column.
    ``outcome`` is the result of the write.
    """

    key: Key
    rows: list[InputRow]
    document: Document
    exists: bool | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    before: Document | None = None
    denied: set[str] = field(default_factory=set)
    outcome: Outcome | None = None

    @property
    def is_written(self) -> bool:
        """Whether ActiveCampaign accepted the record."""
        return self.outcome is not None and self.outcome.action in CHANGED

    @property
    def is_remainder(self) -> bool:
        """Whether the rows request only parts that an earlier run left out."""
        return all(row.is_remainder for row in self.rows)


def group_rows(
    context: WriteContext, sink: Sink, mutation: Mutation, rows: list[InputRow]
) -> list[Upsert]:
    """Merge rows of the same key into an upsert. Rejected rows get their results here."""
    upserts: dict[Key, Upsert] = {}
    for row in rows:
        if context.finisher.defer_if_behind(row):
            continue
        try:
            key, document = _document_of(context, sink, mutation, row)
        except RowDeferred as wait:
            context.finisher.defer(row, wait)
        except RowError as problem:
            context.finisher.finish(row, problem.outcome())
        else:
            row.document_key = document_key(key)
            upsert = upserts.setdefault(key, Upsert(key, [], {}))
            upsert.rows.append(row)
            upsert.document |= document
            upsert.denied |= set(row.denied)
    return list(upserts.values())


def _document_of(
    context: WriteContext, sink: Sink, mutation: Mutation, row: InputRow
) -> tuple[Key, Document]:
    skip_flagged(row.record, sink.resource)
    clears = context.policy.clears
    written = convert_record(sink.resource, written_values(row.record, clears=clears))
    own_id = written.native.get(mutation.key)
    skip_cart(row, own_id)
    if is_nothing(own_id):
        raise RowRejected(f"{mutation.column}: missing; it identifies the row in its store")
    entries = {entry.unified: entry for entry in sink.resource.entries}
    document = dict(written.native)
    if clears:
        document |= {getattr(entries[name], "native", name): None for name in written.nulls}
    store = store_of(context, row)
    document |= {"legacyConnectionId": store, mutation.key: str(own_id)}
    return (store, str(own_id)), document


def send_all(
    context: WriteContext,
    mutation: Mutation,
    upserts: list[Upsert],
    on_written: Callable[[Upsert], None] = lambda _: None,
) -> None:
    """Send upserts in batches and give each row its result.

    Halves a batch that ActiveCampaign refuses as too large. Rejects the rows that a validation
    error names, and sends the other rows again. Calls ``on_written`` with each written upsert.
    """
    pending, batch_size = list(upserts), WRITE_BATCH_SIZE
    while pending:
        batch, pending = pending[:batch_size], pending[batch_size:]
        try:
            ids = _send(context, mutation, batch)
        except TooLarge as problem:
            batch_size = max(1, len(batch) // 2)
            pending = _unless_single(context, problem, batch) + pending
        except InvalidRequest as problem:
            pending = _reject_named(context, mutation, problem, batch, on_written) + pending
        except RequestError as problem:
            finish_all(context, batch, outcome_of(problem))
        else:
            with context.ledger.transaction():
                for upsert in batch:
                    on_written(upsert)
                    finish_all(context, [upsert], _outcome(mutation, upsert, ids.get(upsert.key)))


def _unless_single(
    context: WriteContext, problem: RequestError, upserts: list[Upsert]
) -> list[Upsert]:
    """Return the upserts to send again: none if ActiveCampaign refused a single upsert."""
    if len(upserts) > 1:
        return upserts
    finish_all(context, upserts, outcome_of(problem))
    return []


def _reject_named(
    context: WriteContext,
    mutation: Mutation,
    problem: InvalidRequest,
    upserts: list[Upsert],
    on_written: Callable[[Upsert], None],
) -> list[Upsert]:
    """Reject the rows that an error names, and return the other upserts to send again.

    If an entry of the error may mean several rows, the target sends each of them alone. If the
    error names no row, it sends the halves of the batch until the bad row is alone.
    """
    named, doubtful = _named_upserts(mutation, problem.reasons, upserts)
    for upsert, texts in named:
        reason = f"ActiveCampaign refused: {'; '.join(texts)}"
        finish_all(context, [upsert], Outcome(Action.REJECTED, reason=reason, confirms_row=False))
    rejected = {id(upsert) for upsert, _ in named}
    alone = [upsert for upsert in doubtful if id(upsert) not in rejected]
    if len(upserts) > 1:
        for upsert in alone:
            send_all(context, mutation, [upsert], on_written)
    if named or (alone and len(upserts) > 1):
        done = rejected | {id(upsert) for upsert in alone}
        return [upsert for upsert in upserts if id(upsert) not in done]
    remaining = _unless_single(context, problem, upserts)
    middle = len(remaining) // 2
    for half in (remaining[:middle], remaining[middle:]):
        send_all(context, mutation, half, on_written)
    return []


def _send(context: WriteContext, mutation: Mutation, upserts: list[Upsert]) -> dict[Key, str]:
    """Send a batch; return ActiveCampaign's ids by key. An async mutation returns no ids."""
    rows = [upsert.document for upsert in upserts]
    changes = [_change_of(mutation, upsert) for upsert in upserts]
    data = context.write_client.mutate(mutation.name, mutation.query, {"rows": rows}, changes)
    stored = data.get(mutation.name)
    return {
        (int(row["legacyConnectionId"]), str(row[mutation.key])): str(row["id"])
        for row in (stored if isinstance(stored, list) else ())
        if isinstance(row, dict) and row.get("id") and row.get(mutation.key)
    }


def document_key(key: Key) -> str:
    """Return the key of a store's row as text."""
    return f"{key[0]}:{key[1]}"


def _change_of(mutation: Mutation, upsert: Upsert) -> DocumentChange:
    """Return the change of an upsert, without the columns that identify the row."""
    kept = upsert.before or {} if mutation.is_patch else {}
    after = {**kept, **upsert.document}
    for name in ("legacyConnectionId", mutation.key):
        after.pop(name, None)
    return DocumentChange(mutation.stream, document_key(upsert.key), upsert.before, after)


def _named_upserts(
    mutation: Mutation, reasons: tuple[ErrorDetail, ...], upserts: list[Upsert]
) -> tuple[list[tuple[Upsert, list[str]]], list[Upsert]]:
    """Return the upserts that a validation error names, with its texts, and the doubtful ones.

    The attribute of an error contains the column of the store's own id, followed by the id. It may
    contain other numbers, an id may begin with another id, and two stores may have the same id. So
    an attribute names an upsert only if no other upsert matches it; otherwise all are doubtful.
    """
    texts_by_upsert: dict[int, tuple[Upsert, list[str]]] = {}
    doubtful: dict[int, Upsert] = {}
    for reason in reasons:
        matching = [
            upsert for upsert in upserts if _is_named(reason.attribute, upsert.key[1], mutation.key)
        ]
        if len(matching) == 1:
            named = matching[0]
            texts_by_upsert.setdefault(id(named), (named, []))[1].append(reason.text)
            continue
        matching = matching or [
            upsert for upsert in upserts if _is_named(reason.attribute, upsert.key[1])
        ]
        doubtful |= {id(upsert): upsert for upsert in matching}
    return list(texts_by_upsert.values()), list(doubtful.values())


def _is_named(attribute: str, own_id: str, column: str = "") -> bool:
    start = f"(?<![A-Za-z0-9]){column}-" if column else "(?<![A-Za-z0-9])"
    return re.search(rf"{start}{re.escape(own_id)}(?![A-Za-z0-9])", attribute) is not None


def _outcome(mutation: Mutation, upsert: Upsert, native_id: str | None) -> Outcome:
    remarks = [*upsert.left_out.values(), *upsert.remarks]
    if mutation.is_async:
        remarks.append(ACCEPTED)
    elif upsert.exists is None:
        remarks.append("created or updated")
    action = Action.CREATED if upsert.exists is False else Action.UPDATED
    return Outcome(
        action,
        native_id,
        join_reasons([*remarks, *sorted(upsert.denied)]),
        denied=frozenset(upsert.denied),
        parts_to_resend=frozenset(upsert.left_out),
    )


def fail_unfinished(context: WriteContext, upserts: list[Upsert], problem: RequestError) -> None:
    """Give the rows of upserts without an outcome the result of a failed request."""
    finish_all(
        context, [upsert for upsert in upserts if upsert.outcome is None], outcome_of(problem)
    )


def finish_all(context: WriteContext, upserts: list[Upsert], outcome: Outcome) -> None:
    """Give each row its result. Only the first row of a key can have created the record."""
    if outcome.action is Action.REJECTED and is_limit_refusal(outcome.reason):
        outcome = Outcome(
            Action.SKIPPED, reason=LIMIT_REFUSED, confirms_row=False, blocks_state=True
        )
    for upsert in upserts:
        upsert.outcome = outcome
        for place, row in enumerate(upsert.rows):
            is_later = place and outcome.action is Action.CREATED
            action = Action.UPDATED if is_later else outcome.action
            parts = frozenset(
                part for part in outcome.parts_to_resend if has_part(row.record, part)
            )
            context.finisher.finish(row, replace(outcome, action=action, parts_to_resend=parts))
