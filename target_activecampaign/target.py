"""The target's front door: settings, messages into batches, checkpoints, a clean end."""

from __future__ import annotations

import copy
import sqlite3
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from jsonschema import Draft7Validator
from singer_sdk import Target
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.plugin_base import PluginBase

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.api import Client, Limiter, RunEnds, SystemClock, default_store
from tap_activecampaign_unified.report import traffic_document, write_report
from tap_activecampaign_unified.settings import (
    Settings,
    SettingsError,
    json_schema,
    unknown_settings,
)

from . import registry
from .checkpoints import Checkpoints
from .custom_values import CustomValues
from .desk import Desk
from .engine import Engine
from .forecast import Forecast
from .guards import Guards
from .importer import Importer
from .ledger import Ledger, default_path
from .lines import LineReader
from .pen import Pen
from .policy import policy_of
from .references import References
from .results import Action, Outcome, Rejection, Results
from .rows import Row, fold, key_of, unflatten
from .target_settings import TARGET
from .waiting import RetryFile, Waiting

if TYPE_CHECKING:
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from tap_activecampaign_unified.api import Clock
    from tap_activecampaign_unified.settings import Connection

    from .policy import Policy

NAME = "target-activecampaign"
DISTRIBUTION = "tap-activecampaign-unified"
OLDEST_BATCH_SECONDS = 300.0


def user_agent() -> str:
    """Return what we call ourselves."""
    try:
        return f"{NAME}/{version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return NAME


class TargetActiveCampaign(Target):
    """Writes unified records back to ActiveCampaign, each row with exactly one result."""

    name = NAME
    package_name = DISTRIBUTION
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(TARGET)
    # Streams lean on one another: nothing is drained in parallel.
    max_parallelism = 1
    message_reader_class: ClassVar[Any] = None
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    #: The seams at which tests put another clock and an account in-process.
    make_clock: ClassVar[Any] = SystemClock
    make_session: ClassVar[Any] = staticmethod(lambda: None)
    #: Most rows that are gathered before they are written.
    batch_rows: ClassVar[int] = 10_000

    def __init__(self, **kwargs: Any) -> None:
        """Check the settings; the account is not asked before the first row."""
        self._settings: Settings | None = None
        self._policy: Policy | None = None
        self._clock: Clock = type(self).make_clock()
        self._stop = cli.StopSign(self._clock)  # type: ignore[arg-type]  # tests' clocks wake too
        self._is_writing = False
        self._engine: Engine | None = None
        self._checkpoints = Checkpoints()
        self._batch: list[Row] = []
        self._batch_began = 0.0
        self._number = 0
        self._keys: dict[str, list[str]] = {}
        self._broken_input: str | None = None
        self._is_finished = False
        self.exit_code = 0
        kwargs.setdefault("message_reader", LineReader(self._note_broken_line))
        super().__init__(**kwargs)

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
        try:
            self._settings = Settings(TARGET, self._config, str(type(self)._env_var_prefix))
            self._policy = policy_of(self._settings.values)
        except SettingsError as problem:
            if raise_errors:
                raise
            return problem.lines
        builtin: dict[str, Any] = {"type": "object", "properties": {}}
        self.append_builtin_config(builtin)
        faults = [
            f"setting {'.'.join(map(str, error.path))} does not fit: see --about"
            for error in Draft7Validator(builtin).iter_errors(self._config)
        ]
        if faults and raise_errors:
            raise SettingsError(faults)
        known = set(builtin["properties"]) | {one.name for one in TARGET}
        for line in unknown_settings(self._config, known):
            self.logger.warning(line)
        return faults

    def _path(self, name: str) -> Path | None:
        value = self._settings[name] if self._settings else None
        return Path(value).expanduser() if value else None

    # --- the run's tools --------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """What writes; made at the first need."""
        if self._engine is None:
            settings, policy = self._settings, self._policy
            if settings is None or policy is None or settings.connection is None:
                raise SettingsError(["the settings are not complete"])
            client = self._connect(settings.connection)
            account = settings.connection.address.account
            ledger = Ledger(self._path("ledger_path") or default_path(account), account)
            try:
                results = Results(self._path("results_path"))
                retries = RetryFile(None if policy.dry_run else self._path("retry_path"))
            except OSError as problem:
                ledger.close()
                raise SettingsError(
                    [f"results_path or retry_path cannot be written: {problem.strerror}"]
                ) from None

            def desk(engine: Engine) -> Desk:
                pen = Pen(client, is_dry=policy.dry_run)
                references = References(pen, ledger, policy)
                return Desk(
                    client=client,
                    clock=self._clock,
                    pen=pen,
                    policy=policy,
                    ledger=ledger,
                    references=references,
                    custom=CustomValues(pen, references, policy),
                    importer=Importer(pen, self._clock, runs_automations=policy.run_automations),
                    guards=Guards(policy),
                    forecast=Forecast(),
                    report=engine.report,
                    wait=engine.wait,
                )

            self._engine = Engine(desk, results, Waiting(), retries, self._checkpoints.hold)
            self._load_retries(self._engine, retries)
        return self._engine

    def _connect(self, connection: Connection) -> Client:
        store = connection.rate_limit_store or default_store(connection.address.account)
        client = Client(
            connection.address,
            connection.api_key,
            limiter=Limiter(connection.requests_per_second, self._clock, store),
            clock=self._clock,
            user_agent=connection.user_agent or user_agent(),
            timeout=connection.request_timeout,
            max_retry_seconds=connection.max_retry_seconds,
            session=type(self).make_session(),
        )
        client.checkpoint = self._stop.raise_if_up
        return client

    def _load_retries(self, engine: Engine, retries: RetryFile) -> None:
        rows = []
        for entry in list(retries):
            keys = [str(name) for name in entry.get("key_properties") or ()]
            engine.key_properties.setdefault(str(entry["stream"]), keys)
            row = self._row_of(None, str(entry["stream"]), entry["record"], keys)
            if row is not None:
                rows.append(row)
        if rows:
            self.logger.info("%d rows failed last time and are sent again first", len(rows))
            self._write(engine, rows)

    # --- messages ---------------------------------------------------------------------------

    def _note_broken_line(self, why: str, is_record: bool) -> None:  # noqa: FBT001
        if not is_record:
            self.logger.error("A line of the input is left out: %s", why)
            return
        self._number += 1
        self._reject(None, None, {}, f"row {self._number}: {why}; write the line anew")

    def _reject(self, stream: str | None, row: Row | None, key: dict[str, Any], why: str) -> None:
        """End a row that cannot even be gathered."""
        engine = self.engine
        number = row.number if row else self._number
        engine.results.add(
            number, stream or "unknown", key, Outcome(Action.REJECTED, reason=why, whole=False)
        )
        if self._policy and self._policy.on_reject == "fail" and number is not None:
            self._checkpoints.hold(number)
            engine.end = "a row was rejected and on_reject is fail: see the results"

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        stream, schema = message_dict.get("stream"), message_dict.get("schema")
        if not isinstance(stream, str) or not isinstance(schema, dict):
            self.logger.error("A SCHEMA without stream or schema is left out; so are its rows")
            return
        keys = message_dict.get("key_properties")
        keys = [str(name) for name in keys] if isinstance(keys, list) else []
        if self._has_maps:
            message_dict = {**message_dict, "key_properties": keys}
            schema.setdefault("properties", {})
            self.mapper.register_raw_stream_schema(stream, schema, keys)
            for one in self.mapper.stream_maps[stream]:
                self._note_schema(
                    one.stream_alias, one.transformed_schema, one.transformed_key_properties or []
                )
            self._keys.setdefault(stream, keys)
        else:
            self._note_schema(stream, schema, keys)

    @property
    def _has_maps(self) -> bool:
        return bool(self._config.get("stream_maps") or self._config.get("flattening_enabled"))

    def _note_schema(self, stream: str, schema: dict[str, Any], keys: list[str]) -> None:
        name = self._alias(stream)
        if self._keys.get(stream, list(keys)) != list(keys):
            self._flush()  # rows that were keyed otherwise
        self._keys[stream] = list(keys)
        kind = registry.KINDS.get(name)
        if kind is None or not kind.resource.custom_fields:
            return
        properties = schema.get("properties")
        for column, part in (properties if isinstance(properties, dict) else {}).items():
            custom = part.get("properties") if isinstance(part, dict) else None
            if column == "custom_fields" and isinstance(custom, dict):
                for one, hint in custom.items():
                    self._hint(kind.entity, one, hint)
            elif column.startswith("custom_fields__"):
                self._hint(kind.entity, column.partition("__")[2], part)

    def _hint(self, entity: str, name: str, hint: Any) -> None:
        if isinstance(hint, dict) and self._policy and self._policy.create_missing_fields:
            self.engine.desk.custom.hints.setdefault((entity, fold(name)), hint)

    def _alias(self, stream: str) -> str:
        aliases = self._settings["stream_aliases"] if self._settings else None
        return str((aliases or {}).get(stream, stream))

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self._number += 1
        stream, record = message_dict.get("stream"), message_dict.get("record")
        if not isinstance(stream, str) or not isinstance(record, dict):
            self._reject(None, None, {}, "a RECORD without stream or record")
            return
        for name, mapped in self._mapped(stream, record):
            keys = self._keys.get(name)
            if keys is None:
                self._reject(
                    self._alias(name), None, {}, f"row {self._number}: it comes before its SCHEMA"
                )
                continue
            row = self._row_of(self._number, self._alias(name), mapped, keys)
            if row is not None:
                self.engine.key_properties.setdefault(row.stream, keys)
                self._gather(row)

    def _mapped(self, stream: str, record: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Return what the stream maps make of a record: the record itself where there are none."""
        if not self._has_maps or stream not in self.mapper.stream_maps:
            return [(stream, record)]
        found = []
        for one in self.mapper.stream_maps[stream]:
            try:
                mapped = one.transform(copy.copy(record))
            except (ValueError, TypeError, KeyError, AttributeError) as problem:
                why = f"stream_maps failed on this row ({type(problem).__name__})"
                self._reject(self._alias(stream), None, {}, why)
                continue
            if mapped is None:
                why = "left out by stream_maps"
                self.engine.results.add(
                    self._number, self._alias(stream), {}, Outcome(Action.SKIPPED, reason=why)
                )
            else:
                found.append((one.stream_alias, mapped))
        return found

    def _row_of(
        self, number: int | None, stream: str, record: dict[str, Any], keys: list[str]
    ) -> Row | None:
        """Return the row of a record; one that cannot be a row is rejected."""
        kind = registry.KINDS.get(stream)
        key: dict[str, Any] = {name: record.get(name) for name in keys}
        if kind is None:
            names = ", ".join(sorted(registry.KINDS))
            why = f"a stream nobody knows; name it in stream_aliases as one of {names}"
            self._reject(stream, None, key, why)
            return None
        try:
            nested = unflatten(record)
            key = key_of({**nested, **record}, keys, kind.identity)
        except Rejection as rejection:
            self._reject(stream, None, key, rejection.reason)
            return None
        return Row(number, stream, nested, key, record)

    def _gather(self, row: Row) -> None:
        if not self._batch:
            self._batch_began = time.monotonic()
        self._batch.append(row)
        is_old = time.monotonic() - self._batch_began > OLDEST_BATCH_SECONDS
        if len(self._batch) >= type(self).batch_rows or is_old:
            self._flush()
            self._stop.raise_if_up()

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        if not isinstance(message_dict.get("value"), dict):
            self.logger.error("A STATE without value is left out")
            return
        self._flush()
        self._checkpoints.arrive(self._number, message_dict["value"])
        self._emit()
        self._stop.raise_if_up()

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        self.logger.debug("ACTIVATE_VERSION says nothing to this target")

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self._broken_input = (
            "the source sends BATCH messages, which this target does not read: turn batch mode "
            "off in the tap; no state covers those rows"
        )
        self._checkpoints.hold(self._number)
        self.logger.error(self._broken_input)

    # --- writing ----------------------------------------------------------------------------

    def _flush(self) -> None:
        """Write what was gathered; every row of it has its outcome afterwards, or waits."""
        batch, self._batch = self._batch, []
        if batch:
            self._write(self.engine, batch)
            self.engine.retry_waiting()
        engine = self._engine
        if engine is not None and engine.end:
            self._end_early(engine.end)

    def _write(self, engine: Engine, rows: list[Row]) -> None:
        self._is_writing = True
        try:
            engine.write(rows)
        finally:
            self._is_writing = False
            engine.results.flush()

    def _emit(self) -> None:
        """Emit the latest state that only covers decided rows."""
        engine = self._engine
        first = engine._waiting.first() if engine else None  # noqa: SLF001 - its own book
        state = self._checkpoints.take(first)
        if state is not None and not (self._policy and self._policy.dry_run):
            if engine is not None:
                engine.results.flush()
            self._write_state_message(state)

    def _end_early(self, why: str) -> None:
        engine = self.engine
        engine.end = None
        self._is_writing = True
        engine.decide_waiting()
        engine.end = engine.end or why
        self._is_writing = False
        self._emit()
        raise cli.Leave(why, cli.EXIT_FAILED)

    def process_endofpipe(self) -> None:
        """Decide every row that is left, emit the last state, tell what was done."""
        self._flush()
        engine = self._engine
        if engine is not None:
            self._is_writing = True
            try:
                engine.decide_waiting()
            finally:
                self._is_writing = False
            if engine.end:
                self._end_early(engine.end)
        self._emit()
        self._stop.raise_if_up()
        self.finish()

    def finish(self) -> int:
        """Close the run's files, write summary and report, and return the exit code."""
        if self._is_finished:
            return self.exit_code
        self._is_finished = True
        engine = self._engine
        why = self._broken_input
        if engine is not None:
            why = why or engine.verdict()
            engine.results.log_summary()
            if engine.desk.policy.dry_run:
                rate = self._settings["requests_per_second"] if self._settings else 5
                engine.desk.forecast.log(engine.desk.pen.planned, rate)
            path = self._path("run_report_path")
            if path:
                write_report(path, self._report_document(engine))
            engine.results.close()
            engine._waiting.close()  # noqa: SLF001 - its own book
            engine._retries.close()  # noqa: SLF001
            engine.desk.ledger.close()
        if why:
            self.logger.error(why)
            self.exit_code = cli.EXIT_FAILED
        return self.exit_code

    def _report_document(self, engine: Engine) -> dict[str, Any]:
        values = self._settings.values if self._settings else {}
        hidden = {one.name for one in TARGET if one.secret}
        desk = engine.desk
        document: dict[str, Any] = {
            "program": self.name,
            "version": self.plugin_version,
            "account": desk.client.address.account,
            "finished_at": self._clock.now().isoformat(),
            "settings": {k: v for k, v in values.items() if k not in hidden},
            "streams": engine.results.document(),
            "rows": engine.results.rows,
            "traffic": traffic_document(desk.client.traffic),
        }
        if desk.policy.dry_run:
            document["plan"] = desk.forecast.document(
                desk.pen.planned, values.get("requests_per_second") or 5
            )
        return document

    # --- signals and the command line ---------------------------------------------------------

    def _handle_termination(self, signum: int, frame: Any) -> None:
        self._stop.put_up(signum, frame)
        if not self._is_writing:
            self._stop.raise_if_up()

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
        try:
            self.listen(file_input)
        except cli.Stopped as news:
            self._leave_behind()
            raise cli.Leave(str(news), 128 + news.signum) from None
        except RunEnds as problem:
            self._leave_behind()
            raise cli.Leave(str(problem), cli.EXIT_FAILED) from None
        except sqlite3.Error as problem:
            raise cli.Leave(
                f"the ledger cannot be written ({type(problem).__name__}): is the disk full?",
                cli.EXIT_FAILED,
            ) from None
        finally:
            self.finish()
        return self.exit_code

    def _leave_behind(self) -> None:
        """Emit the last state that is covered; what was gathered is delivered again."""
        self._batch = []
        self._emit()


def main() -> None:
    """Run ``target-activecampaign``."""
    cli.run(NAME, lambda: TargetActiveCampaign.cli)
