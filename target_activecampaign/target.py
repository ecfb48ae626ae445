"""The Singer target: collects rows into batches, emits states, and returns the exit code."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, ClassVar

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.client import FatalError, SystemClock
from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.reporting.report_files import write_reports
from tap_activecampaign_unified.reporting.run_report import RunMetadata
from target_activecampaign.audiences.leavers import LeaverProcessor
from target_activecampaign.concurrency.cooperative_pool import CooperativePool
from target_activecampaign.input.message_reader import MessageReader
from target_activecampaign.input.record_parser import RecordParser
from target_activecampaign.input.stream_names import StreamMaps
from target_activecampaign.processing import collected_rows
from target_activecampaign.processing.background_batches import BackgroundBatches
from target_activecampaign.processing.checkpoints import Checkpoints
from target_activecampaign.processing.interrupts import Interrupts, message_handler
from target_activecampaign.processing.report_document import report_document
from target_activecampaign.processing.write_progress import WriteProgress
from target_activecampaign.reporting.result_file import new_run_id
from target_activecampaign.sinks.custom_objects import AccountObjects

from .command_line import ConfiguredTarget
from .run_builder import NAME, carry_out_undo, open_processor

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Clock
    from target_activecampaign.config.undo_options import UndoOptions
    from target_activecampaign.processing.batch_processor import BatchProcessor

OBJECTS_BETWEEN_COLLECTIONS = 10_000
BATCH_MODE = (
    "the source sends BATCH messages, which this target does not read: turn batch mode off in the "
    "tap; no state covers those rows"
)

NO_MESSAGE = (
    "no line of the input is a Singer message (SCHEMA, RECORD, STATE): for a file of plain JSON "
    "rows, put tap-jsonl before the target"
)


class TargetActiveCampaign(ConfiguredTarget):
    """Writes unified records back to ActiveCampaign, each row with exactly one result."""

    #: Tests replace these: the clock, and the transport to an account in the same process.
    make_clock: ClassVar[Any] = SystemClock
    make_session: ClassVar[Any] = staticmethod(lambda: None)
    make_pool: ClassVar[Any] = CooperativePool
    #: The most rows that the target gathers before it writes them.
    batch_rows: ClassVar[int] = collected_rows.MAX_ROWS
    #: Makes the reader of the input; its argument is the callback for an unreadable line.
    make_reader: ClassVar[Any] = MessageReader

    def __init__(self, **kwargs: Any) -> None:
        self._clock: Clock = type(self).make_clock()
        self.interrupts = Interrupts(self._clock, self._handle_termination)
        self._metadata = RunMetadata(self.name, self.plugin_version, self._clock)
        self.run_id = new_run_id(self._clock.now())
        self._processor: BatchProcessor | None = None
        self._checkpoints = Checkpoints()
        self._collected = collected_rows.CollectedRows(self._clock, type(self).batch_rows)
        self._broken_input: str | None = None
        self._is_finished = False
        #: What to undo; None if this run reads and writes rows.
        self._undo_request: UndoOptions | None = None
        self.exit_code = 0
        self._line_reader: MessageReader = self.make_reader(self._note_broken_line)
        kwargs["message_reader"] = self._line_reader
        super().__init__(**kwargs)
        # Streams refer to each other: the SDK must not drain sinks in parallel.
        self.max_parallelism = 1
        max_tasks = self._setting("max_concurrent_requests") or 1
        self._pool: CooperativePool = type(self).make_pool(max_tasks)
        self.interrupts.use_pool(self._pool)
        wake = self.interrupts.wake
        self.background = BackgroundBatches(self._pool, self._write_policy(), self._emit, wake)
        maps = StreamMaps(self.mapper) if self._config.get("stream_maps") is not None else None
        aliases, label = self._setting("stream_aliases"), self._setting("account_label")
        objects = AccountObjects(lambda: self.begin_writing().context)
        self._parser = RecordParser(objects, maps, aliases, label, self._policy)
        self._progress = WriteProgress(self.name, self._clock, lambda: self._parser.number)

    # --- the processor ----------------------------------------------------------------------

    def begin_writing(self) -> BatchProcessor:
        """Return the batch processor.

        The first call opens the run's files and sends the rows of the retry file.
        """
        is_new = self._processor is None
        processor = self._open_processor()
        if is_new:
            self._send_retry_file(processor)
        return processor

    def _open_processor(self) -> BatchProcessor:
        if self._processor is None:
            settings, policy = self._settings, self._policy
            if settings is None or policy is None or settings.connection is None:
                raise SettingsError.no_connection()
            client = settings.connection.open(self.name, self._clock, type(self).make_session())
            client.before_request = self._progress.ticking(self.interrupts.raise_if_ending)
            client.while_blocked = self._pool.released
            self._processor = open_processor(
                settings,
                policy,
                client,
                self._pool,
                checkpoints=self._checkpoints,
                schemas=self._parser.schemas,
                run_id=self.run_id,
                is_undo=self._undo_request is not None,
            )
            self._progress.watch(self._processor)
        return self._processor

    def _send_retry_file(self, processor: BatchProcessor) -> None:
        rows = []
        for entry in list(processor.finisher.retries):
            keys = [str(name) for name in entry.get("key_properties") or ()]
            stream, name = str(entry["stream"]), str(entry.get("input_stream") or "")
            row = self._parser.row_of(None, stream, entry["record"], keys, name)
            if row is not None:
                rows.append(row)
        self._finish_unread(processor)
        if rows:
            self.logger.info("%d rows failed last time and are sent again first", len(rows))
            processor.write(rows)

    def _finish_unread(self, processor: BatchProcessor) -> None:
        """Give the lines that did not become rows their results."""
        for line in self._parser.take_unread():
            processor.finisher.finish_unread(line)

    # --- messages ---------------------------------------------------------------------------

    @message_handler
    def _note_broken_line(self, why: str, *, is_record: bool) -> None:
        # An unreadable line of a row needs a result too. The first row opens the ledger.
        processor = self.begin_writing() if is_record else None
        self._parser.note_broken_line(why, is_record=is_record)
        if processor is not None:
            self._finish_unread(processor)

    @message_handler
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        keeps_field_types = bool(self._policy and self._policy.create_missing_fields)
        for stream, schema, keys in self._parser.parse_schema(message_dict):
            if self._parser.is_rekeyed(stream, keys):
                self._write_batch()
            self._parser.note_schema(stream, schema, keys, keeps_field_types=keeps_field_types)

    @message_handler
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        processor = self.begin_writing()
        rows = self._parser.rows_of(message_dict)
        self._finish_unread(processor)
        self._collected.add(rows)
        if self._collected.is_due():
            self._write_batch()

    @message_handler
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        if not isinstance(message_dict.get("value"), dict):
            self.logger.error("The target ignores a STATE without value: correct the source")
            return
        # A state must find no rows before it in the batch: they would have no result yet.
        self._write_batch()
        self._parser.completeness.note_state(self._parser.number, message_dict["value"])
        self._checkpoints.add(self._parser.number, message_dict["value"])
        self._emit()

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        names = self._parser.names.after_maps(str(message_dict.get("stream")))
        self._parser.completeness.note_activation(names, self._parser.number)

    @message_handler
    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self.logger.error("%s: %s", message_dict.get("stream"), BATCH_MODE)
        self._broken_input = BATCH_MODE
        self._checkpoints.hold(self._parser.number)

    # --- writing ----------------------------------------------------------------------------

    def _write_batch(self) -> None:
        """Write the batch: then each row has its outcome, is deferred, or is in the background."""
        if self._collected.rows:
            # To wait for a batch may end the run. `_abandon_rows` then finishes these rows.
            processor = self.begin_writing()
            in_background = self.background.wait_for_conflicts(processor, self._collected.rows)
            batch = self._collected.take()
            self.background.write(processor, batch, in_background=in_background)
        if self._processor is not None and self._processor.finisher.stops.early:
            self._end_early(self._processor.finisher.stops.early)

    def _emit(self) -> None:
        """Emit the latest state that only covers rows with results.

        The ledger has committed these rows, and the operating system has their results, so that a
        killed process loses neither. If it is killed before that, no state covers the rows, and the
        source sends them again.
        """
        processor = self._processor
        undecided = (
            processor.finisher.deferred.first() if processor else None,
            self.background.first(),
        )
        state = self._checkpoints.pop_latest(
            min((number for number in undecided if number is not None), default=None)
        )
        if state is not None and not (self._policy and self._policy.dry_run):
            if processor is not None:
                processor.finisher.results.flush()
            self._write_state_message(state)
            self._checkpoints.last = state

    def _end_early(self, why: str) -> None:
        processor = self.begin_writing()
        # Deferred rows still get their results, and their writes must not end the run again.
        processor.finisher.stops.early = None
        processor.resolve_deferred()
        processor.finisher.stops.early = why
        self._emit()
        raise cli.ExitProgram(why, cli.EXIT_FAILED)

    def process_endofpipe(self) -> None:
        """Finish every remaining row, emit the last state, log the summary."""
        self.interrupts.begin_message()
        if self._line_reader.has_no_message:
            self._broken_input = NO_MESSAGE
        self._write_batch()
        # An empty input opens the processor too: it first sends the rows of the retry file.
        processor = self.begin_writing()
        self.background.wait_all()
        processor.resolve_deferred()
        if processor.finisher.stops.early:
            self._end_early(processor.finisher.stops.early)
        if processor.context.policy.audiences:
            self._end_audiences(processor)
        self._emit()
        self.interrupts.raise_if_ending()
        self.finish()

    def _end_audiences(self, processor: BatchProcessor) -> None:
        """Process the people who left audiences whose input is complete."""
        leavers = LeaverProcessor(
            processor.context,
            processor.finisher,
            processor.grants,
            self._parser.completeness,
            self._parser.names.alias,
        )
        leavers.run(self._broken_input)
        processor.finisher.stops.check_rejects()
        if processor.finisher.stops.early:
            self._end_early(processor.finisher.stops.early)

    def finish(self, ending: cli.RunEnding | None = None) -> int:
        """Close the run's files, write summary and report, and return the exit code.

        ``ending`` says why the run ended early; it is None for a complete run.
        """
        if self._is_finished:
            return self.exit_code
        self._is_finished = True
        processor, why = self._processor, self._broken_input
        if processor is not None:
            why = why or processor.finisher.stops.failure()
            processor.finisher.results.log_summary()
            processor.context.enrolments.log()
        if why:
            if ending is None:
                self.logger.error(why)
            elif why not in ending.lines:
                self.logger.info(why)  # the command line logs the ending afterwards
            self.exit_code = cli.EXIT_FAILED
        self._report(ending or cli.RunEnding([why] if why else [], self.exit_code))
        if processor is not None:
            processor.close()
        return self.exit_code

    def _report(self, ending: cli.RunEnding) -> None:
        """Log the plan of a dry run and write the report. Neither contains a value of a row."""
        settings, processor = self._settings, self._processor
        if settings is None or (self._undo_request is not None and processor is None):
            return  # an undo that did not begin leaves the report of its run
        traffic = processor.context.client.traffic if processor else None
        rate = settings["requests_per_second"] or 5
        document = {"run": self.run_id} | self._metadata.document(settings, traffic, ending)
        document |= report_document(processor, self._checkpoints, rate)
        counts = processor.finisher.results.counts() if processor else {}
        write_reports(settings, document, counts)

    # --- signals and the command line ---------------------------------------------------------

    def _handle_termination(self, signum: int, frame: Any) -> None:
        self.interrupts.handle(signum, frame)

    def undo(self, request: UndoOptions) -> int:
        """Undo a run and return the exit code. Raises the error that ends the undo early."""
        policy = self._write_policy()
        is_plan = request.is_plan or policy.dry_run
        self._policy = replace(policy, dry_run=is_plan)
        self._undo_request = replace(request, is_plan=is_plan)
        return self.run()

    def run(self, file_input: IO[str] | None = None) -> int:
        """Read the whole input and return the exit code. Raises the error that ends the run."""
        ending = None
        self.logger.info("Run %s", self.run_id)
        try:
            with self._progress.shown():
                self._run(file_input)
        except BaseException as problem:
            ending = cli.run_ending_of(problem)
            raise
        finally:
            self.interrupts.stop.cancel_deadline()
            self.finish(ending)
        return self.exit_code

    def _run(self, file_input: IO[str] | None) -> None:
        try:
            self._listen(file_input)
        except cli.Stopped as stop:
            self._finish_read_rows()
            raise cli.ExitProgram(str(stop), 128 + stop.signum) from None
        except FatalError as problem:
            self._finish_read_rows()
            raise cli.ExitProgram(str(problem), cli.EXIT_FAILED) from None
        except OSError as problem:
            # A file or the output failed. The target writes the results that it still can write,
            # and emits no more state.
            with contextlib.suppress(OSError):
                self._abandon_rows()
            raise cli.ExitProgram(cli.describe_os_error(problem), cli.EXIT_FAILED) from None

    def _listen(self, file_input: IO[str] | None) -> None:
        """Read the whole input. No other thread runs afterwards, also after an error."""
        try:
            if self._undo_request is None:
                self.listen(file_input)
            else:
                self._undo(self._undo_request)
        except BaseException as problem:
            self.interrupts.end(problem)
            raise

    def _undo(self, request: UndoOptions) -> None:
        self.interrupts.begin_message()
        carry_out_undo(self._settings, self._open_processor, request)
        self.finish()

    def _finish_read_rows(self) -> None:
        """Give every row that was read its result, and emit the last state that may be emitted."""
        self._abandon_rows()
        self._emit()

    def _abandon_rows(self) -> None:
        """Give rows that were read and are not written their results."""
        if self._processor is not None:  # otherwise no row was read
            self._processor.abandon(self._collected.take())


def main() -> None:
    """Run ``target-activecampaign``."""
    # The rows of a batch are many objects, and most of them are in no cycle. With Python's own
    # threshold, the garbage collector visits them so often that it takes a quarter of an import.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    cli.run(NAME, lambda: TargetActiveCampaign.cli)
