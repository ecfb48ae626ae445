"""Sends all write requests. In a dry run, counts them instead."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.client import (
    REFUSALS,
    ApiResponse,
    Client,
    InvalidRequest,
    NotFound,
)
from tap_activecampaign_unified.client.graphql.request import run_graphql
from target_activecampaign.client.duplicates import is_duplicate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tap_activecampaign_unified.client import RequestError

Body = dict[str, Any]


@dataclass(frozen=True)
class DocumentChange:
    """A record of ``stream`` that a request replaces as a whole, in native columns.

    ``before`` are the columns that the account had, None if it did not have the record.
    """

    stream: str
    key: str
    before: Body | None
    after: Body


class ChangeRecorder(Protocol):
    """Records the values that write requests replace, for an undo: `UndoRecorder`."""

    def note_request(self, method: str, path: str, body: Any, about: str | None) -> list[Any]:
        """Record the values before a request; return the values that the request writes.

        Raises `RequestError`.
        """

    def note_documents(self, changes: Sequence[DocumentChange]) -> list[Any]:
        """Record the values before a request that replaces whole records, like `note_request`."""

    def withdraw_request(self, values: list[Any], problem: RequestError) -> None:
        """Record that ActiveCampaign refused a request that writes ``values``."""

    def confirm_request(self, values: list[Any], answer: ApiResponse) -> None:
        """Record that ActiveCampaign carried out a request that writes ``values``."""

    def creating(self, name: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Record the creates of a block under a temporary id with a name."""

    def note_created(self, native_id: str) -> None:
        """Record the id of the record that the block created."""

    def note_imported(self, email: str, native_id: str) -> None:
        """Record the id of a contact that the importer created."""

    def note_leavers(self, leavers: Iterable[tuple[str, str, dict[str, str]]]) -> None:
        """Record who leaves an audience: each contact, its grantor, and the grants by id."""


class WriteClient:
    """Sends write requests. ``planned`` counts the requests of a dry run by method and endpoint."""

    def __init__(self, client: Client, *, is_dry_run: bool = False) -> None:
        self.client = client
        self.is_dry_run = is_dry_run
        #: Records the values that each request replaces; None if the run cannot be undone.
        self.recorder: ChangeRecorder | None = None
        self.planned: Counter[str] = Counter()
        self._planned_ids = 0

    def write(
        self,
        method: str,
        path: str,
        body: Body | list[Body] | None = None,
        *,
        params: Sequence[tuple[str, str | int]] = (),
        repeatable: bool | None = None,
        about: str | None = None,
        document: DocumentChange | None = None,
        check: Callable[[ApiResponse], None] | None = None,
        is_raw: bool = False,
    ) -> ApiResponse:
        """Send a request. A dry run returns a likely response with an invented id instead.

        If ``path`` names an association, ``about`` is the id or address of its contact. If the
        request replaces a whole record, ``document`` is the change. ``check`` raises an error for
        a response that does not confirm the request. With ``is_raw``, the body may
        have any shape, and an undo does not cover the request.
        """
        if not self.is_dry_run:
            record = None if is_raw or method == "DELETE" else _record_of(body)

            def send() -> ApiResponse:
                answer = self.client.send(
                    method, path, params=params, json=body, repeatable=repeatable, record=record
                )
                if check is not None:
                    check(answer)
                return answer

            if is_raw or self.recorder is None:
                return send()
            if document is not None:
                return self._record(self.recorder.note_documents([document]), send)
            return self._record(self.recorder.note_request(method, path, body, about), send)
        endpoint = "/".join("{id}" if _is_id(part) else part for part in path.split("/"))
        self.count_planned(f"{method} {endpoint}")
        answer: Body = {}
        for name, value in body.items() if isinstance(body, dict) else ():
            if isinstance(value, dict):
                answer[name] = {"id": self.plan_id(), **value}
        return ApiResponse(201 if method == "POST" else 200, answer, None)

    def _record(self, values: list[Any], send: Callable[[], ApiResponse]) -> ApiResponse:
        """Send a request that writes ``values``, and record whether ActiveCampaign accepted it."""
        recorder = self.recorder
        try:
            answer = send()
        except REFUSALS as problem:
            if recorder and values:
                recorder.withdraw_request(values, problem)
            raise
        if recorder and values:
            recorder.confirm_request(values, answer)
        return answer

    def create_if_absent(self, path: str, body: Body) -> None:
        """Create an association. If ActiveCampaign rejects it as a duplicate, it exists already.

        A retry is therefore safe.
        """
        try:
            self.write("POST", path, body, repeatable=True)
        except InvalidRequest as problem:
            if not is_duplicate(problem):
                raise

    def delete_if_exists(self, path: str, *, about: str | None = None) -> bool:
        """Delete a record. Returns False if it did not exist, perhaps after a retry."""
        try:
            self.write("DELETE", path, about=about)
        except NotFound:
            return False
        return True

    def mutate(
        self,
        name: str,
        query: str,
        variables: Body,
        changes: Sequence[DocumentChange] = (),
    ) -> Body:
        """Send a GraphQL mutation that may be repeated, and return its `data`.

        ``changes`` are the records that the mutation replaces. A dry run counts the mutation under
        its ``name`` and returns an empty object.
        """
        if self.is_dry_run:
            self.count_planned(f"POST ecom/graphql {name}")
            return {}

        def send() -> ApiResponse:
            return ApiResponse(200, run_graphql(self.client, query, variables), None)

        values = self.recorder.note_documents(changes) if self.recorder else []
        return self._record(values, send).body

    def creating(self, name: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Record the creates of a block under a temporary id with a name.

        A later run that passes the same name finds them.
        """
        return self.recorder.creating(name) if self.recorder else contextlib.nullcontext()

    def note_created(self, native_id: str) -> None:
        """Record the id of the record that the block of `creating` created."""
        if self.recorder:
            self.recorder.note_created(native_id)

    def count_planned(self, request: str) -> None:
        """Count a request that a dry run would send, by its method and endpoint."""
        self.planned[request] += 1

    def plan_id(self) -> str:
        """Return an invented id for a record that a dry run would create."""
        self._planned_ids += 1
        return f"planned-{self._planned_ids}"


def is_planned(native_id: str | None) -> bool:
    """Return whether a dry run invented an id."""
    return bool(native_id) and str(native_id).startswith("planned-")


def _record_of(body: Body | list[Body] | None) -> str | None:
    """Return the name of the only object in the body of a request, None for any other body."""
    if not isinstance(body, dict) or len(body) != 1:
        return None
    name, value = next(iter(body.items()))
    return name if isinstance(value, dict) else None


def _is_id(part: str) -> bool:
    return part.isdigit() or is_planned(part)
