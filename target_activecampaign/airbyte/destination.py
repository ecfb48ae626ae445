"""The target as an Airbyte destination: the target writes the rows, this module emits states."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import FailureType

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.config.read_settings import SettingsError
from target_activecampaign.outcome import Action
from target_activecampaign.run_builder import open_ledger
from target_activecampaign.target import TargetActiveCampaign

from .reader import AirbyteReader
from .states import PendingStates

if TYPE_CHECKING:
    from tap_activecampaign_unified.airbyte.writer import AirbyteWriter
    from target_activecampaign.input.message_reader import BrokenLine, Message
    from target_activecampaign.outcome import Outcome
    from target_activecampaign.processing.batch_processor import BatchProcessor

_AGAIN = "the received rows were written; see why the source ended, then run both again"
_WRITTEN = frozenset({Action.CREATED, Action.UPDATED, Action.UNCHANGED})


class DestinationTarget(TargetActiveCampaign):
    """The target in an Airbyte sync; ``schemas`` are those of the configured catalog."""

    def __init__(self, *, writer: AirbyteWriter, schemas: list[Message], **kwargs: Any) -> None:
        """Check the settings; ``kwargs`` are the target's."""
        self._writer, self._schemas = writer, schemas
        self._states = PendingStates()
        #: How the run ended.
        self.ending = cli.RunEnding([], 0)
        super().__init__(**kwargs)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's settings: Airbyte has its own mapping."""

    def make_reader(self, on_fault: BrokenLine) -> AirbyteReader:
        """Return the reader of the input."""
        self._reader = AirbyteReader(on_fault, self._schemas)
        return self._reader

    def check(self) -> None:
        """Send a request to the account and open the ledger. Raises an error if either fails."""
        settings = self._settings
        if settings is None or settings.connection is None:
            raise SettingsError.no_connection()
        client = settings.connection.open(self.name, self._clock, type(self).make_session())
        client.get("users/me")
        open_ledger(settings, client, is_dry_run=True).close()

    @property
    def failure(self) -> FailureType:
        """Return why a run that read its whole input failed: rows to correct, or to send again."""
        failed = self._processor.finisher.results.count(Action.FAILED) if self._processor else 0
        is_transient = bool(failed or self._reader.unfinished)
        return FailureType.transient_error if is_transient else FailureType.config_error

    # --- messages ---------------------------------------------------------------------------

    def _process_record_message(self, message_dict: Message) -> None:
        self._states.count(str(message_dict.get("stream")))
        super()._process_record_message(message_dict)

    def _process_state_message(self, message_dict: Message) -> None:
        message = message_dict["value"]
        if not isinstance(message.get("state"), dict):
            self.logger.error(
                "The destination ignores a STATE message without state: correct the source"
            )
            return
        number = self._states.add(message, self._parser.number)
        super()._process_state_message({"value": {"airbyte_states": number}})

    def process_endofpipe(self) -> None:
        """Write the remaining rows. A stream that the source did not finish is an error."""
        if unfinished := self._reader.unfinished:
            names = ", ".join(sorted(unfinished))
            self._broken_input = f"the source did not read {names} to the end: {_AGAIN}"
        super().process_endofpipe()

    def _write_state_message(self, state: Message) -> None:
        streams = [schema["stream"] for schema in self._schemas]
        names = {stream: self._parser.names.alias(stream) for stream in streams}
        for message in self._states.take(state["airbyte_states"], names):
            self._writer.write_line(json.dumps(message).encode())
        self._writer.flush()

    def _open_processor(self) -> BatchProcessor:
        processor = super()._open_processor()
        processor.finisher.results.observer = self._note_result
        return processor

    def _note_result(self, row: int | None, stream: str, outcome: Outcome) -> None:
        if row is not None and outcome.action not in _WRITTEN:
            self._states.note_unwritten(row, stream)

    def _report(self, ending: cli.RunEnding) -> None:
        self.ending = ending
        super()._report(ending)
