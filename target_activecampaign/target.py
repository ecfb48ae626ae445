"""The target's front door: settings, messages into batches, checkpoints, a clean end."""

from __future__ import annotations

import contextlib
import time
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.plugin_base import PluginBase

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.api import RunEnds, SystemClock
from tap_activecampaign_unified.api.turns import Turns
from tap_activecampaign_unified.connection import DISTRIBUTION
from tap_activecampaign_unified.report import Chronicle, write_reports
from tap_activecampaign_unified.settings import (
    Settings,
    SettingsError,
    json_schema,
    other_faults,
)

from .attention import Attention, in_turn
from .checkpoints import Checkpoints, bookmarks_of
from .enrolments import Enrolments
from .intake import Intake, Maps
from .lines import LineReader
from .opening import NAME, open_engine
from .overlap import Overlap
from .policy import Policy, policy_of
from .progress import Writing
from .results import Results
from .target_settings import TARGET

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from tap_activecampaign_unified.api import Clock

    from .engine import Engine
    from .rows import Row

    Handle = Callable[..., None]

OLDEST_BATCH_SECONDS = 300.0
BATCH_MODE = (
    "the source sends BATCH messages, which this target does not read: turn batch mode off in the "
    "tap; no state covers those rows"
)


class TargetActiveCampaign(Target):
    """Writes unified records back to ActiveCampaign, each row with exactly one result."""

    name = NAME
    package_name = DISTRIBUTION
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(TARGET)
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    #: The seams at which tests put another clock and an account in-process.
    make_clock: ClassVar[Any] = SystemClock
    make_session: ClassVar[Any] = staticmethod(lambda: None)
    make_turns: ClassVar[Any] = Turns
    #: Most rows that are gathered before they are written.
    batch_rows: ClassVar[int] = 10_000
    #: Reads the input, given what to call for a line that cannot be read.
    make_reader: ClassVar[Any] = LineReader

    def __init__(self, **kwargs: Any) -> None:
        """Check the settings; the account is not asked before the first row."""
        self._settings: Settings | None = None
        self._policy: Policy | None = None
        self._clock: Clock = type(self).make_clock()
        self.attention = Attention(self._clock, self._handle_termination)
        self._chronicle = Chronicle(self.name, self.plugin_version, self._clock)
        self._engine: Engine | None = None
        self._checkpoints = Checkpoints()
        self._batch: list[Row] = []
        self._batch_began = 0.0
        self._broken_input: str | None = None
        self._is_finished = False
        self.exit_code = 0
        kwargs["message_reader"] = self.make_reader(self._note_broken_line)
        super().__init__(**kwargs)
        # Streams lean on one another: nothing is drained in parallel.
        self.max_parallelism = 1
        self._turns: Turns = type(self).make_turns(self._setting("max_concurrent_requests") or 1)
        self.attention.share(self._turns)
        self.overlap = Overlap(self._turns, self._plan(), self._emit, self.attention.wake)
        maps = Maps(self.mapper) if self._config.get("stream_maps") is not None else None
        aliases, label = self._setting("stream_aliases"), self._setting("account_label")
        self._intake = Intake(lambda: self.engine, maps, aliases, label)
        self._progress = Writing(self.name, self._clock, lambda: self._intake.number)

    # --- settings ---------------------------------------------------------------------------

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's settings that this target honours, and no others."""
        PluginBase.append_builtin_config.__func__(cls, config_jsonschema)  # type: ignore[attr-defined]

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        """Read the environment as text: what it means is checked with the other settings."""
        builtin: dict[str, Any] = {"type": "object", "properties": {}}
        cls.append_builtin_config(builtin)
        properties = {one.name: {"type": "string"} for one in TARGET} | builtin["properties"]
        prefix = str(cls._env_var_prefix)
        try:
            return dict(parse_environment_config({"properties": properties}, prefix))
        except ValueError:
            raise SettingsError(
                [f"an environment variable {prefix}… holds no JSON: see --about for its type"]
            ) from None

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        prefix = str(type(self)._env_var_prefix)  # noqa: SLF001 - our own class
        try:
            self._settings = Settings(TARGET, self._config, prefix)
            self._policy = policy_of(self._settings.values)
        except SettingsError as problem:
            if raise_errors:
                raise
            return problem.lines
        builtin: dict[str, Any] = {"type": "object", "properties": {}}
        self.append_builtin_config(builtin)
        faults = other_faults(builtin, TARGET, self._config)
        if faults and raise_errors:
            raise SettingsError(faults)
        return faults

    @property
    def engine(self) -> Engine:
        """What writes; made at the first need, and what failed last time is sent first."""
        is_new = self._engine is None
        engine = self._open_engine()
        if is_new:
            self._send_failed_rows(engine)
        return engine

    def _open_engine(self) -> Engine:
        if self._engine is None:
            settings, policy = self._settings, self._policy
            if settings is None or policy is None or settings.connection is None:
                raise SettingsError(["the settings are not complete"])
            client = settings.connection.open(self.name, self._clock, type(self).make_session())
            client.checkpoint = self._progress.ticking(self.attention.raise_if_ending)
            client.away = self._turns.away
            hold = self._checkpoints.hold
            self._engine = open_engine(settings, policy, client, self._turns, hold)
            self._progress.attend(self._engine)
        return self._engine

    def _send_failed_rows(self, engine: Engine) -> None:
        rows = []
        for entry in list(engine.retries):
            keys = [str(name) for name in entry.get("key_properties") or ()]
            row = self._intake.row_of(None, str(entry["stream"]), entry["record"], keys)
            if row is not None:
                rows.append(row)
        if rows:
            self.logger.info("%d rows failed last time and are sent again first", len(rows))
            engine.write(rows)

    def _plan(self) -> Policy:
        return self._policy if self._policy is not None else Policy()

    def _setting(self, name: str) -> Any:
        return self._settings[name] if self._settings is not None else None

    # --- messages ---------------------------------------------------------------------------

    @in_turn
    def _note_broken_line(self, why: str, *, is_record: bool) -> None:
        self._intake.note_broken_line(why, is_record=is_record)

    @in_turn
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        hints = bool(self._policy and self._policy.create_missing_fields)
        for stream, schema, keys in self._intake.takes_schema(message_dict):
            if self._intake.is_rekeyed(stream, keys):
                self._flush()
            self._intake.note_schema(stream, schema, keys, hints=hints)

    @in_turn
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        for row in self._intake.rows_of(message_dict):
            if not self._batch:
                self._batch_began = time.monotonic()
            self._batch.append(row)
        is_old = bool(self._batch) and (time.monotonic() - self._batch_began > OLDEST_BATCH_SECONDS)
        if len(self._batch) >= type(self).batch_rows or is_old:
            self._flush()

    @in_turn
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        if not isinstance(message_dict.get("value"), dict):
            self.logger.error("A STATE without value is left out")
            return
        self._flush()
        self._checkpoints.arrive(self._intake.number, message_dict["value"])
        self._emit()

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        self.logger.debug("ACTIVATE_VERSION of %s says nothing here", message_dict.get("stream"))

    @in_turn
    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self.logger.error("%s: %s", message_dict.get("stream"), BATCH_MODE)
        self._broken_input = BATCH_MODE
        self._checkpoints.hold(self._intake.number)

    # --- writing ----------------------------------------------------------------------------

    def _flush(self) -> None:
        """Write what was gathered: each row has its outcome, waits, or is under way."""
        if self._batch:
            engine = self.engine  # may end the run: the batch must not be forgotten by then
            beside = self.overlap.make_way(engine, self._batch)
            batch, self._batch = self._batch, []
            self.overlap.write(engine, batch, beside=beside)
        if self._engine is not None and self._engine.end:
            self._end_early(self._engine.end)

    def _emit(self) -> None:
        """Emit the latest state that only covers decided rows."""
        engine = self._engine
        undecided = (engine.waiting.first() if engine else None, self.overlap.first())
        state = self._checkpoints.take(min((n for n in undecided if n is not None), default=None))
        if state is not None and not (self._policy and self._policy.dry_run):
            if engine is not None:
                engine.results.flush()
            self._write_state_message(state)
            self._checkpoints.last = state

    def _end_early(self, why: str) -> None:
        engine = self.engine
        engine.end = None
        engine.decide_waiting()
        engine.end = why
        self._emit()
        raise cli.Leave(why, cli.EXIT_FAILED)

    def process_endofpipe(self) -> None:
        """Decide every row that is left, emit the last state, tell what was done."""
        self.attention.turn_to()
        self._flush()
        engine = self.engine  # rows that failed last time are sent even if none came today
        self.overlap.settle()
        engine.decide_waiting()
        if engine.end:
            self._end_early(engine.end)
        self._emit()
        self.attention.raise_if_ending()
        self.finish()

    def finish(self, ending: cli.Ending | None = None) -> int:
        """Close the run's files, write summary and report, and return the exit code.

        ``ending`` is what ended the run early.
        """
        if self._is_finished:
            return self.exit_code
        self._is_finished = True
        engine, why = self._engine, self._broken_input
        if engine is not None:
            why = why or engine.verdict()
            engine.results.log_summary()
            engine.desk.enrolments.log()
        if why:
            if ending is None:
                self.logger.error(why)
            elif why not in ending.lines:
                self.logger.info(why)  # what ended the run has the last word, in one line
            self.exit_code = cli.EXIT_FAILED
        self._report(ending or cli.Ending([why] if why else [], self.exit_code))
        if engine is not None:
            engine.close()
        return self.exit_code

    def _report(self, ending: cli.Ending) -> None:
        """Log the plan of a dry run and write the report, neither with a value of any row."""
        settings, engine = self._settings, self._engine
        if settings is None:
            return
        desk = engine.desk if engine else None
        results = engine.results if engine else Results(None)
        traffic = desk.client.traffic if desk else None
        document = self._chronicle.document(settings, traffic, ending) | {
            "rows": results.totals(),
            "streams": results.document(),
            "automations": (desk.enrolments if desk else Enrolments()).document(),
            "bookmarks_before": bookmarks_of(self._checkpoints.first),
            "bookmarks_after": bookmarks_of(self._checkpoints.last),
        }
        if desk and desk.policy.dry_run:
            rate = settings["requests_per_second"] or 5
            desk.forecast.log(desk.pen.planned, rate)
            document["plan"] = desk.forecast.document(desk.pen.planned, rate)
        write_reports(settings, lambda: document)

    # --- signals and the command line ---------------------------------------------------------

    def _handle_termination(self, signum: int, frame: Any) -> None:
        self.attention.handle(signum, frame)

    @classmethod
    def cb_config(cls, ctx: Any, param: Any, value: tuple[str, ...]) -> Any:
        """Read the config files, after making sure that they can be."""
        cli.check_json_files(value, "config")
        return super().cb_config(ctx, param, value)

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Run the target from the command line."""
        if about:
            PluginBase.invoke.__func__(cls, about=about, about_format=about_format)  # type: ignore[attr-defined]
            return
        target = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
        )
        code = target.run(file_input)
        if code:
            raise SystemExit(code)

    def run(self, file_input: IO[str] | None = None) -> int:
        """Read the whole input and return the exit code; raises what ends the run early."""
        ending = None
        try:
            with self._progress.shown():
                self._run(file_input)
        except BaseException as problem:
            ending = cli.ending_of(problem)
            raise
        finally:
            self.attention.stop.stand_down()
            self.finish(ending)
        return self.exit_code

    def _run(self, file_input: IO[str] | None) -> None:
        try:
            self._listen(file_input)
        except cli.Stopped as news:
            self._leave_behind()
            raise cli.Leave(str(news), 128 + news.signum) from None
        except RunEnds as problem:
            if self._engine is not None:
                self._leave_behind()
            raise cli.Leave(str(problem), cli.EXIT_FAILED) from None
        except OSError as problem:
            # A file or the output failed: rows have results where those can be written, and no
            # state goes out any more.
            with contextlib.suppress(OSError):
                self._give_up()
            raise cli.Leave(cli.describe(problem), cli.EXIT_FAILED) from None

    def _listen(self, file_input: IO[str] | None) -> None:
        """Read the whole input; no other thread runs afterwards, whatever ended it."""
        try:
            self.listen(file_input)
        except BaseException as problem:
            self.attention.end(problem)
            raise

    def _leave_behind(self) -> None:
        """Give every row that was read its result, and emit the last state that is covered."""
        self._give_up()
        self._emit()

    def _give_up(self) -> None:
        batch, self._batch = self._batch, []
        if batch or self._engine is not None:
            self._open_engine().abandon(batch)


def main() -> None:
    """Run ``target-activecampaign``."""
    cli.run(NAME, lambda: TargetActiveCampaign.cli)
