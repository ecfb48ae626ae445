"""Unified access with writing: each write is one row through the target's own writers and policies.

For one thread. The ledger is open, and other runs of the account wait, only while a row is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.access import BadQuery, Reading
from tap_activecampaign_unified.api import ActiveCampaignError
from tap_activecampaign_unified.api.turns import Turns
from tap_activecampaign_unified.settings import Settings

from . import registry
from .intake import Intake
from .opening import open_engine
from .policy import policy_of
from .raw_requests import METHODS, path_of
from .results import Rejection, Results
from .target_settings import TARGET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .results import Outcome

PREFIX = "TARGET_ACTIVECAMPAIGN_"
OF_THE_CALL = {"source_ids", "dry_run", "delete_mode", "max_deletes", "on_reject", "force"}
OF_FILES = {"results_path", "retry_path"}


class NotWritten(ActiveCampaignError):
    """The record was not written, or not whole; ``action`` and ``reason`` are those of a result."""

    def __init__(self, action: str, reason: str) -> None:
        """Keep both."""
        super().__init__(f"{action}: {reason}")
        self.action, self.reason = action, reason


class _Kept(Results):
    """Keeps the outcome of the one row."""

    def __init__(self) -> None:
        super().__init__(None)
        self.outcome: Outcome | None = None

    def add(self, number: Any, stream: Any, key: Any, outcome: Outcome, record: Any = None) -> None:
        self.outcome = outcome
        super().add(number, stream, key, outcome, record)


class ActiveCampaign(Reading):
    """Lists, gets and writes unified records of one account.

    ``settings`` are those of the target but the ones a call decides (`OF_THE_CALL`) and files of
    results. Consent, references by natural key and lost creates are as there.
    """

    def __init__(self, api_url: str, api_key: str, **settings: Any) -> None:
        """Check the settings (`SettingsError`); nothing is asked yet."""
        names = {one.name for one in TARGET} - OF_THE_CALL - OF_FILES
        unknown = sorted(set(settings) - names - {"clock", "session"})
        if unknown:
            raise BadQuery(f"no such setting here: {', '.join(unknown)}")
        super().__init__(api_url, api_key, **settings)
        chosen = {name: value for name, value in settings.items() if name in names}
        self._config = {**chosen, "api_url": api_url, "api_key": api_key}

    def upsert(self, resource: str, record: dict[str, Any]) -> dict[str, str | None]:
        """Write a record found by its id or natural key, made where there is none.

        Returns ``id``, ``action`` and ``reason``. Raises `NotWritten` where nothing was written.
        """
        return self._write(resource, record)

    def update(self, resource: str, id: str, record: dict[str, Any]) -> dict[str, str | None]:  # noqa: A002
        """Change what ``record`` names of the row with this id; never makes one."""
        return self._write(resource, {**record, "id": id})

    def delete(self, resource: str, id: str) -> dict[str, str | None]:  # noqa: A002
        """Delete a contact, account, opportunity or note.

        A contact that opted out is never deleted: the opt-out would be lost.
        """
        gone = {"id": id, "_sdc_deleted_at": self.client.clock.now().isoformat()}
        return self._write(resource, gone, delete_mode="delete", max_deletes=1)

    def proxy(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str | int]] = (),
        json: Any = None,
    ) -> dict[str, Any]:
        """Send any other call and return its answer, within the same budget and repeats.

        A POST whose answer is lost is `Unconfirmed`, never repeated. What sends or moves in bulk
        is refused, as `raw_requests` refuse it.
        """
        verb = method.strip().upper()
        if verb not in {"GET", *METHODS}:
            raise BadQuery(f"method: must be one of GET, {', '.join(METHODS)}")
        try:
            plain, query = path_of(path, writes=verb != "GET")
        except Rejection as problem:
            raise BadQuery(problem.reason) from None
        return dict(self.client.send(verb, plain, params=[*query, *params], json=json).body)

    def _write(self, resource: str, record: dict[str, Any], **more: Any) -> dict[str, str | None]:
        if resource not in registry.KINDS or resource == "raw_requests":
            raise BadQuery(f"{resource}: no such resource to write")
        settings = Settings(TARGET, {**self._config, **more, "force": True}, PREFIX)
        kept = _Kept()
        engine = open_engine(
            settings, policy_of(settings.values), self.client, Turns(), lambda _: None
        )
        engine.results = kept
        try:
            row = Intake(lambda: engine, None, None).row_of(1, resource, record, [])
            if row is not None:
                engine.write([row])
                engine.decide_waiting()
        finally:
            engine.close()
        outcome = kept.outcome
        if outcome is None or outcome.action.value in {"skipped", "rejected", "failed"}:
            action = outcome.action.value if outcome else "failed"
            raise NotWritten(action, (outcome and outcome.reason) or "nothing was confirmed")
        return {"id": outcome.id, "action": outcome.action.value, "reason": outcome.reason}
