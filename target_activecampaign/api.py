"""Unified access with writing: each write is one row through the target's own writers and policies.

For one thread. In a ``with`` block the ledger is opened by the first write and held to the end of
the block, as by a run of the target: other runs of the account wait. Without one, each write opens
and closes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from json import dumps, loads
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tap_activecampaign_unified.config.settings import Settings
from tap_activecampaign_unified.query import (
    OF_RUNS,
    ActiveCampaignError,
    ActiveCampaignReader,
    AuthenticationError,
    ConnectionFailed,
    InvalidQuery,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    ServerError,
    SettingsError,
    UnconfirmedWrite,
)
from target_activecampaign.concurrency.pool import CooperativePool
from target_activecampaign.config.target_settings import TARGET
from target_activecampaign.config.write_policy import build_policy
from target_activecampaign.input.record_parser import RecordParser
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.reporting.result_file import new_run_id
from target_activecampaign.reporting.results import Results
from target_activecampaign.sinks.raw_requests import METHODS, path_of

from .builder import open_processor
from .outcome import Action, Outcome, RowRejected
from .sinks import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_activecampaign.processing.batch_processor import BatchProcessor

__all__ = [
    "ActiveCampaign",
    "ActiveCampaignError",
    "AuthenticationError",
    "ConnectionFailed",
    "InvalidQuery",
    "InvalidRequest",
    "NotFound",
    "NotWritten",
    "PaymentRequired",
    "PermissionDenied",
    "ServerError",
    "SettingsError",
    "UnconfirmedWrite",
]

PREFIX = "TARGET_ACTIVECAMPAIGN_"
DELETED = "_sdc_deleted_at"
OF_THE_CALL = {"source_ids", "dry_run", "delete_mode", "max_deletes", "on_reject", "force"}
OF_STREAMS = {
    "stream_aliases",
    "column_aliases",
    "max_reject_ratio",
    "allow_raw_requests",
    "account_label",
}
OF_FILES = {"results_path", "results_format", "retry_path"}
MOST_DELETES = 1_000_000
#: What can be written; of these, what is known by two ids is neither updated nor deleted by one.
#: What is not written one by one: read only, or upserted in batches and sent once by the target.
READ_ONLY = {
    *("crm_users", "raw_requests", "marketing_events", "commerce_stores", "commerce_products"),
    *("commerce_orders", "commerce_order_lines", "commerce_subscriptions"),
}
PAIRS = {"marketing_contact_tags": "removed", "marketing_segment_memberships": "unsubscribed"}
NO_UPDATES = {**dict.fromkeys(PAIRS, "upsert or delete it"), "crm_fields": "it can be created only"}
# What other rows refer to by name: its table is read again after a change.
QUOTED = {
    *("marketing_tags", "marketing_segments", "crm_pipelines", "crm_stages", "crm_fields"),
    *("directory_groups", "directory_users", "crm_accounts"),
}
WRITTEN = {Action.CREATED, Action.UPDATED, Action.UNCHANGED}


class NotWritten(ActiveCampaignError):
    """The record was not written; ``action`` and ``reason`` are those of a result of the target.

    ``rejected``: the record is at fault. ``skipped``: nothing was to be done, or is not allowed.
    ``failed``: never confirmed; the same call may be made again, and makes nothing twice.
    """

    def __init__(self, action: str, reason: str) -> None:
        """Keep both."""
        super().__init__(f"{action}: {reason}")
        self.action, self.reason = action, reason


class _Kept(Results):
    """Keeps the outcome of the one row."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome: Outcome | None = None

    def add(self, number: Any, stream: Any, key: Any, outcome: Outcome, record: Any = None) -> None:
        self.outcome = outcome
        super().add(number, stream, key, outcome, record)


class ActiveCampaign(ActiveCampaignReader):
    """Lists, gets and writes unified records of one account.

    ``settings`` are those of the target but what a call decides and what belongs to streams and
    files. Consent, references by natural key and lost creates are as there.
    """

    known: ClassVar[frozenset[str]] = (
        frozenset(one.name for one in TARGET) - OF_RUNS - OF_THE_CALL - OF_STREAMS - OF_FILES
    )

    def __init__(self, api_url: str, api_key: str, **settings: Any) -> None:
        """Check the settings (`SettingsError`, `InvalidQuery`); nothing is asked yet."""
        super().__init__(api_url, api_key, **settings)
        chosen = {name: value for name, value in settings.items() if name in type(self).known}
        fixed = {"force": True, "delete_mode": "delete", "max_deletes": MOST_DELETES}
        given = {**chosen, **fixed, "api_url": api_url, "api_key": api_key}
        self._writing = Settings(TARGET, given, PREFIX)
        self._policy = build_policy(self._writing.values)
        self._processor: BatchProcessor | None = None
        self._is_held = False

    # --- a block --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Hold the ledger from the first write to the end of the block."""
        self._is_held = True
        return self

    def close(self) -> None:
        """Close the ledger and the connections; a later call opens them again."""
        self._is_held = False
        self._let_go()
        super().close()

    def refresh(self) -> None:
        """Forget the names and custom fields that were read: the next call reads them again."""
        self._let_go()
        super().refresh()

    # --- writing --------------------------------------------------------------------------------

    def create(self, resource: str, record: Mapping[str, Any]) -> dict[str, str | None]:
        """Make a record that is not there yet, and return ``id``, ``action`` and ``reason``.

        Raises `NotWritten` where there is one with the same natural key: it is left as it is.
        """
        if not is_nothing(_record(record).get("id")):
            raise InvalidQuery("id: a new record has none; update the one that is there")
        return self._write(resource, _live(record), creates=True)

    def upsert(self, resource: str, record: Mapping[str, Any]) -> dict[str, str | None]:
        """Write a record found by its id or natural key, made where there is none.

        Returns ``id``, ``action`` and ``reason``. Raises `NotWritten` where nothing was written.
        """
        return self._write(resource, _live(record))

    def update(self, resource: str, id: str, record: Mapping[str, Any]) -> dict[str, str | None]:  # noqa: A002
        """Change what ``record`` names of the row with this id; never makes one."""
        if resource in NO_UPDATES:
            raise InvalidQuery(f"{resource}: cannot be updated; {NO_UPDATES[resource]}")
        if is_nothing(id):
            raise InvalidQuery("id: missing")
        given = _live(record)
        if not is_nothing(given.get("id")) and str(given["id"]) != str(id):
            raise InvalidQuery("id: the record has another one than the row to be changed")
        return self._write(resource, {**given, "id": id})

    def delete(self, resource: str, id: Any) -> dict[str, str | None]:  # noqa: A002
        """Delete a contact, account, opportunity or note; take a tag or a membership away.

        Of what has two ids, ``id`` is an object with both. A contact that opted out is never
        deleted: the opt-out would be lost. A membership stays, as ``unsubscribed``.
        """
        if resource in PAIRS:
            if not isinstance(id, Mapping):
                raise InvalidQuery(f"{resource}: give both ids, as an object")
            return self._write(resource, {**id, "status": PAIRS[resource]})
        if is_nothing(id) or isinstance(id, Mapping):
            raise InvalidQuery("id: must be one id of ActiveCampaign")
        return self._write(resource, {"id": id, DELETED: self.client.clock.now().isoformat()})

    def proxy(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str | int]] | Mapping[str, str | int] = (),
        json: Any = None,
    ) -> dict[str, Any]:
        """Send any other call and return its answer, within the same budget and repeats.

        A POST whose response is lost raises `UnconfirmedWrite` and is never repeated. Paths that
        send or move in bulk raise `InvalidQuery`, as in `raw_requests`.
        """
        verb = str(method).strip().upper()
        if verb not in {"GET", *METHODS}:
            raise InvalidQuery(f"method: must be one of GET, {', '.join(METHODS)}")
        try:
            plain, query = path_of(path, writes=verb != "GET")
        except RowRejected as problem:
            raise InvalidQuery(problem.reason) from None
        try:
            pairs = params.items() if isinstance(params, Mapping) else params
            more = [(str(name), _plain(value)) for name, value in pairs]
            return dict(self.client.send(verb, plain, params=[*query, *more], json=json).body)
        except (TypeError, ValueError):
            raise InvalidQuery("params must be pairs, and json what JSON can hold") from None
        finally:
            if verb != "GET":
                self.refresh()

    # --- one row --------------------------------------------------------------------------------

    def _write(
        self, resource: str, record: dict[str, Any], *, creates: bool = False
    ) -> dict[str, str | None]:
        if resource not in registry.SINKS or resource in READ_ONLY:
            there = ", ".join(name for name in registry.SINKS if name not in READ_ONLY)
            raise InvalidQuery(f"{resource}: no such resource to write; there are {there}")
        is_fresh, sent = self._processor is None, self._count_writes()
        try:
            with self._call():
                outcome = self._outcome(resource, record, creates=creates)
                is_refused = outcome.action is Action.REJECTED and self._count_writes() == sent
                if is_refused and not is_fresh:
                    # Nothing was sent: what was known of the account may be too old.
                    self._let_go()
                    outcome = self._outcome(resource, record, creates=creates)
        finally:
            if not self._is_held:
                self._let_go()
            if resource in QUOTED:
                super().refresh()
        if outcome.action not in WRITTEN:
            raise NotWritten(outcome.action.value, outcome.reason or "nothing was confirmed")
        return {"id": outcome.id, "action": outcome.action.value, "reason": outcome.reason}

    def _outcome(self, resource: str, record: dict[str, Any], *, creates: bool) -> Outcome:
        """Write a row and return what became of it."""
        try:
            processor = self._open()
            kept = _Kept()
            processor.rows.results = kept
            parser = RecordParser(lambda: processor, None, None, policy=self._policy)
            row = parser.row_of(1, resource, record, [])
            if row is not None:
                row.creates = creates
                if creates:
                    processor.context.references.forget_small(registry.SINKS[resource].family)
                processor.write([row])
        except OSError as problem:
            self._let_go()
            why = f"the ledger cannot be written ({problem.strerror or type(problem).__name__})"
            raise NotWritten("failed", f"{why}: make the same call again once it can be") from None
        except BaseException:
            self._let_go()
            raise
        return kept.outcome or Outcome(Action.FAILED)

    def _open(self) -> BatchProcessor:
        if self._processor is None:
            run_id = new_run_id(self.client.clock.now())
            self._processor = open_processor(
                self._writing,
                self._policy,
                self.client,
                CooperativePool(),
                hold=lambda _: None,
                run_id=run_id,
            )
            # No row will come that this one could wait for.
            self._processor.context.references.is_final = True
        return self._processor

    def _let_go(self) -> None:
        processor, self._processor = self._processor, None
        if processor is not None:
            processor.close()

    def _count_writes(self) -> int:
        return self.client.traffic.requests - self.client.traffic.reads


def _record(record: Any) -> dict[str, Any]:
    """Return a record as JSON has it, which is what the target takes."""
    if not isinstance(record, Mapping):
        raise InvalidQuery("record: must be an object")
    try:
        found: dict[str, Any] = loads(dumps(dict(record), default=_plain))
    except (TypeError, ValueError, RecursionError):
        raise InvalidQuery("record: must hold what JSON can hold, dates and decimals") from None
    return found


def _plain(value: Any) -> str:
    """Return a single value as text; raises `TypeError` for anything else."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float, Decimal)):
        return str(value)
    raise TypeError


def _live(record: Any) -> dict[str, Any]:
    """Return a record to be written; one that says that it is gone is not."""
    found = _record(record)
    if not is_nothing(found.get(DELETED)):
        raise InvalidQuery(f"{DELETED}: the record is gone; delete it by its id")
    return found
