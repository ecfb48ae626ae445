"""The Singer tap: settings, streams, and a run from start to end."""

from __future__ import annotations

import contextlib
import copy
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from tap_activecampaign_unified.config.connection import DISTRIBUTION, distribution_version
from tap_activecampaign_unified.config.read_settings import (
    Settings,
    SettingsError,
    json_schema,
    sdk_setting_faults,
)
from tap_activecampaign_unified.config.tap_settings import TAP
from tap_activecampaign_unified.reporting.report_files import write_reports
from tap_activecampaign_unified.reporting.run_report import RunMetadata, RunReport
from tap_activecampaign_unified.sync.endpoint_outcome import (
    ENDPOINT_REFUSALS,
    EndpointOutcome,
    failed,
    last_outcome,
    refused,
    unreadable_outcome,
)
from tap_activecampaign_unified.sync.endpoint_sync import EndpointSync
from tap_activecampaign_unified.sync.sync_context import build_context
from tap_activecampaign_unified.sync.sync_plan import prepare_endpoints

from . import cli, connection_check
from .bookmarks import InvalidState, read_bookmarks
from .catalog import selected_streams, selects_custom_objects, streams_of, update_catalog
from .client import (
    ActiveCampaignError,
    FatalError,
    InvalidRequest,
    ServerError,
    SystemClock,
)
from .messages import MessageWriter
from .resources import RESOURCES
from .unified_stream import UnifiedStream, parse_catalog, register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from tap_activecampaign_unified.resources.resource import Resource
    from tap_activecampaign_unified.resources.schema_types import Schema
    from tap_activecampaign_unified.sync.endpoint_setup import EndpointSetup
    from tap_activecampaign_unified.sync.sync_context import SyncContext

    from .client import Clock


class TapActiveCampaignUnified(Tap):
    """Singer tap that reads an ActiveCampaign account as unified records."""

    name = DISTRIBUTION
    package_name = DISTRIBUTION
    dynamic_catalog = True
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(TAP)
    message_writer_class = MessageWriter
    # Without BATCH, because batch files would bypass stream maps and selection.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    #: Tests replace these: the clock, the HTTP session and the prefetch threads.
    make_clock: ClassVar[Any] = SystemClock
    make_session: ClassVar[Any] = staticmethod(lambda: None)
    make_workers: ClassVar[Any] = staticmethod(lambda: None)

    def __init__(self, **kwargs: Any) -> None:
        self._settings: Settings | None = None
        self._context: SyncContext | None = None
        self._synced: set[str] = set()
        self._is_syncing = False
        self._setups: dict[str, EndpointSetup] = {}
        self._clock: Clock = type(self).make_clock()
        self._stop = cli.StopSignal(self._clock)
        self._report = RunReport()
        self._metadata = RunMetadata(self.name, distribution_version(), self._clock)
        self._bookmarks_before: dict[str, Any] = {}
        super().__init__(**kwargs)

    # --- settings ---------------------------------------------------------------------------

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        prefix = f"{self.name.upper().replace('-', '_')}_"
        try:
            self._settings = Settings(TAP, self._config, prefix)
        except SettingsError as problem:
            if raise_errors:
                raise
            return problem.lines
        faults = sdk_setting_faults(self.append_builtin_config, TAP, self._config)
        if faults and raise_errors:
            raise SettingsError(faults)
        return faults

    @property
    def context(self) -> SyncContext:
        """The objects that all endpoint syncs share. The first access creates them."""
        if self._context is None:
            settings = self._settings
            if settings is None or settings.connection is None:
                raise SettingsError.no_connection()
            kind = type(self)
            client = settings.connection.open(
                self.name, self._clock, kind.make_session(), kind.make_workers()
            )
            client.before_request = self._stop.raise_if_stopped
            self._context = build_context(settings, client, self._report, self._write_state)
        return self._context

    @property
    def account_label(self) -> str | None:
        """The setting `account_label`, the account's name in every record. None if unset."""
        return self._settings["account_label"] if self._settings else None

    # --- streams ----------------------------------------------------------------------------

    def discover_streams(self) -> Sequence[UnifiedStream]:
        """Return one stream per resource. A stream builds its schema at the first access."""
        return [UnifiedStream(self, self, resource) for resource in self._resources.values()]

    @cached_property
    def _resources(self) -> dict[str, Resource]:
        """The resources of this account's streams, by name."""
        is_discovery = self.input_catalog is None and not self._is_syncing
        wanted = is_discovery or selects_custom_objects(self.input_catalog)
        return streams_of(self.context.lookups.custom_objects() if wanted else ())

    def schema_of(self, resource: Resource) -> Schema:
        """Return a resource's schema, including the account's custom fields."""
        context = self.context
        custom = None
        if resource.custom_fields:
            try:
                custom = context.lookups.custom_fields(resource.custom_fields)
            except (InvalidRequest, ServerError):
                if not self._is_syncing:
                    raise
                # The endpoint's sync raises the same error. Only its streams fail.
        deletes = context.deletes is not None
        return resource.schema(custom, remote_data=context.remote_data, deletes=deletes)

    def _selected(self) -> list[UnifiedStream]:
        return [s for s in self.streams.values() if isinstance(s, UnifiedStream) and s.selected]

    def prepare(self) -> None:
        """Prefetch the first requests of the sync, then build the schemas with more requests."""
        self._is_syncing = True
        self.logger.addFilter(cli.is_not_skip_line)
        selected = selected_streams(self.input_catalog, self._bookmarks_before, self._resources)
        self._setups = prepare_endpoints(self.context, selected)
        self.setup_mapper()

    def setup_mapper(self) -> None:
        """Add new custom fields to the catalog before the SDK reads it."""
        if self.input_catalog is not None:
            update_catalog(
                self.input_catalog,
                self.schema_of,
                self.context.lookups.prefetch_fields_of,
                resources=self._resources,
                deletes=self._settings is not None and self._settings["detect_deletes"],
                label=self.account_label,
            )
        elif self._settings is not None:
            self.context.lookups.prefetch_fields_of(RESOURCES)
        super(Tap, self).setup_mapper()
        is_read = self._is_syncing or self.input_catalog is not None
        register(self.mapper, self.streams.values(), is_read=is_read)

    def load_state(self, state: dict[str, Any]) -> None:
        """Load the last run's state. Raises `SettingsError` for an invalid state."""
        try:
            bookmarks = read_bookmarks(state, self._clock.now())
        except InvalidState as problem:
            raise SettingsError([f"the state is invalid: {problem}"]) from None
        super().load_state(copy.deepcopy(state))
        self._bookmarks_before = copy.deepcopy(bookmarks)

    # --- running ----------------------------------------------------------------------------

    def sync_endpoint(self, stream: UnifiedStream) -> None:
        """Sync the endpoint of a stream, once. Log a failure. The other streams continue."""
        name = stream.resource.endpoint_name
        if name in self._synced:
            return
        self._synced.add(name)
        selected = self._selected()
        streams = [sibling for sibling in selected if sibling.resource.endpoint_name == name]
        if not self._setups:
            self._setups = prepare_endpoints(self.context, selected)
        endpoint_sync = EndpointSync(self._setups[name], streams)
        context = self.context
        requests, started = context.client.traffic.requests, self._clock.monotonic()
        context.progress.begin(name, [sibling.resource for sibling in streams])
        outcome = EndpointOutcome("failed", None)
        try:
            outcome = self._sync_to_end(endpoint_sync, streams)
        finally:
            context.progress.end()
            for sibling in streams:
                stats = self._report.stats_of(sibling.name)
                ended, error = outcome, endpoint_sync.unreadable.get(sibling.name)
                if outcome.outcome == "done" and error is not None:
                    is_known, is_strict = sibling.resource.is_documented, self._is_strict
                    ended = unreadable_outcome(error, is_documented=is_known, is_failure=is_strict)
                stats.outcome, stats.problem = ended.outcome, ended.problem
                stats.seconds = self._clock.monotonic() - started
                if sibling is streams[0]:
                    stats.requests += context.client.traffic.requests - requests
                sibling.log_metrics(stats)
        if outcome.outcome in {"stopped", "failed"}:
            endpoint_sync.save_position()
        # Requests from now on count for the next endpoint.
        context.requests_before = context.client.traffic.requests
        self._write_state()
        if outcome.exit_program is not None:
            self._stop.cancel_deadline()
            raise outcome.exit_program

    def _sync_to_end(
        self, endpoint_sync: EndpointSync, streams: list[UnifiedStream]
    ) -> EndpointOutcome:
        """Sync an endpoint. Raises only `ExitProgram`, if stdout or a file of the run failed."""
        names = ", ".join(stream.name for stream in streams)
        try:
            version = None if self.context.deletes is None else int(self._clock.now().timestamp())
            endpoint_sync.create_writers()
            for stream in streams:
                stream.write_schema(version)
            endpoint_sync.sync()
        except ENDPOINT_REFUSALS as problem:
            return refused(
                names,
                problem,
                is_documented=endpoint_sync.is_documented,
                has_written_rows=endpoint_sync.has_written_rows,
                is_failure=self._is_strict,
            )
        except (cli.Stopped, FatalError) as problem:
            return last_outcome(problem)
        except ActiveCampaignError as problem:
            return failed(names, problem)
        except OSError as problem:
            # The output or a file of the run failed: the tap writes no more records and no state.
            raise cli.ExitProgram(cli.describe_os_error(problem), cli.EXIT_FAILED) from None
        return EndpointOutcome("done", None)

    @property
    def _is_strict(self) -> bool:
        """Whether a stream that the key may not read fails: the setting `on_forbidden`."""
        return self._settings is not None and self._settings["on_forbidden"] == "fail"

    def try_out(self) -> None:
        """Read one record of each stream that is selected by default."""
        self.run_sync_dry_run(1, [s for s in self.streams.values() if s.selected_by_default])

    def _write_state(self) -> None:
        self.state_writer.write_state(self.state)

    def _handle_termination(self, signum: int, frame: Any) -> None:
        self._stop.on_signal(signum, frame)

    def finish(self, ending: cli.RunEnding | None = None) -> int:
        """Log the summary, write the report, and return the exit code.

        ``ending`` is the end of a run that an exception ended, or None for a complete run.
        """
        report, settings = self._report, self._settings
        if ending is None:
            names = report.failed
            lines = [f"{', '.join(names)} failed"] if names else []
            ending = cli.RunEnding(lines, cli.EXIT_FAILED if names else 0)
        report.log_summary()
        if settings:
            write_reports(settings, self._document(settings, ending), *report.summary())
        self._close()
        return ending.code

    def _close(self) -> None:
        if self._context is not None:
            self._context.close()

    def _document(self, settings: Settings, ending: cli.RunEnding) -> dict[str, Any]:
        context = self._context
        traffic = context.client.traffic if context else None
        return self._metadata.document(settings, traffic, ending) | {
            "rows": self._report.totals(),
            "streams": self._report.document(),
            "left_out": context.lookups.unread if context else [],
            "bookmarks_before": self._bookmarks_before,
            "bookmarks_after": self.state.get("bookmarks", {}),
        }

    def run_discovery(self) -> str:
        """Write the catalog and return it. If this fails, the run report has the reason."""
        try:
            return super().run_discovery()
        except BaseException as problem:
            self.finish(cli.run_ending_of(problem))
            raise
        finally:
            self._close()

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Log the summary and write the run report at the end of the block, also after an error."""
        try:
            yield
            sys.stdout.flush()
        except BaseException as problem:
            self.finish(cli.run_ending_of(problem))
            raise
        if code := self.finish():
            raise SystemExit(code)

    @classmethod
    def get_singer_command(cls) -> Any:
        """Return the SDK's command with the tap's own ``--test`` option."""
        command = super().get_singer_command()
        connection_check.describe_test_option(command)
        return command

    @classmethod
    def cb_config(cls, ctx: Any, param: Any, value: tuple[str, ...]) -> Any:
        """Check that the config files can be read, then read them."""
        cli.check_config_files(value)
        return super().cb_config(ctx, param, value)

    @classmethod
    def cb_test(cls, ctx: Any, param: Any, value: str) -> None:  # noqa: ARG003 - click's signature
        """Check the account, then read one record per stream. The results go to stderr."""
        if value == connection_check.OFF:
            return
        config = ctx.params.get("config")
        tap = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
        )
        if value == connection_check.SCHEMA:
            tap.write_schemas()
            ctx.exit()
        with connection_check.shown(value) as findings, tap._reported():
            connection_check.ConnectionCheck(tap.context.client, findings).run()
            tap.try_out()
        ctx.exit()

    @classmethod
    def invoke(  # type: ignore[override]  # the SDK's own Tap narrows it the same way
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: Any = None,
        catalog: Any = None,
    ) -> None:
        """Run the tap from the command line."""
        if about:
            super().invoke(about=about, about_format=about_format)
            return
        state = None if state is None else cli.read_json(*cli.read_file(state, "state"))
        catalog = None if catalog is None else parse_catalog(*cli.read_file(catalog, "catalog"))
        tap = cls(
            config=config.config if config else {},
            state=state,
            catalog=catalog,
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
            setup_mapper=False,
        )
        with tap._reported(), tap.context.progress.shown():
            tap.prepare()
            tap.sync_all()


def main() -> None:
    """Run ``tap-activecampaign-unified``."""
    cli.run(DISTRIBUTION, lambda: TapActiveCampaignUnified.cli)
