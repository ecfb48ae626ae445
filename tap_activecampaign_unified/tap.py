"""The tap's front door: settings, the registry turned into streams, the run from start to end."""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from tap_activecampaign_unified.config.connection import DISTRIBUTION as PACKAGE
from tap_activecampaign_unified.config.settings import (
    Settings,
    SettingsError,
    json_schema,
    other_faults,
)
from tap_activecampaign_unified.config.tap_settings import TAP
from tap_activecampaign_unified.reporting.run_report import RunMetadata, RunReport
from tap_activecampaign_unified.reporting.write import write_reports
from tap_activecampaign_unified.sync.context import build_context
from tap_activecampaign_unified.sync.endpoint_ending import EndpointEnding, closed_ending
from tap_activecampaign_unified.sync.endpoint_setup import prepare_endpoints
from tap_activecampaign_unified.sync.endpoint_sync import EndpointSync

from . import cli
from . import connection_check as checkup
from .catalog import selected_streams, selects_custom_objects, streams_of, update_catalog
from .client import (
    ActiveCampaignError,
    FatalError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RequestError,
    ServerError,
    SystemClock,
    UnexpectedAnswer,
)
from .messages import MessageWriter
from .resources import RESOURCES
from .state import InvalidState, bookmarks_of
from .streams import UnifiedStream, parse_catalog, register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from tap_activecampaign_unified.resources.json_schema import Schema
    from tap_activecampaign_unified.resources.resource import Resource
    from tap_activecampaign_unified.sync.context import SyncContext
    from tap_activecampaign_unified.sync.endpoint_setup import EndpointSetup

    from .client import Clock


class TapActiveCampaignUnified(Tap):
    """Reads an ActiveCampaign account as unified records."""

    name = PACKAGE
    package_name = PACKAGE
    dynamic_catalog = True
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(TAP)
    message_writer_class = MessageWriter
    # BATCH would write rows past stream maps and selection.
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

    #: The seams at which tests put another clock, an account in-process and no threads.
    make_clock: ClassVar[Any] = SystemClock
    make_session: ClassVar[Any] = staticmethod(lambda: None)
    make_workers: ClassVar[Any] = staticmethod(lambda: None)

    def __init__(self, **kwargs: Any) -> None:
        self._settings: Settings | None = None
        self._run: SyncContext | None = None
        self._crawled: set[str] = set()
        self._is_under_way = False
        self._openings: dict[str, EndpointSetup] = {}
        self._clock: Clock = type(self).make_clock()
        self._stop = cli.StopSignal(self._clock)
        self._report = RunReport()
        self._metadata = RunMetadata(self.name, self.plugin_version, self._clock)
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
        faults = other_faults(self.append_builtin_config, TAP, self._config)
        if faults and raise_errors:
            raise SettingsError(faults)
        return faults

    @property
    def run(self) -> SyncContext:
        """What the crawls share; made once, at the first need."""
        if self._run is None:
            settings = self._settings
            if settings is None or settings.connection is None:
                raise SettingsError(["the settings are not complete"])
            kind = type(self)
            client = settings.connection.open(
                self.name, self._clock, kind.make_session(), kind.make_workers()
            )
            client.before_request = self._stop.raise_if_stopped
            self._run = build_context(settings, client, self._report, self._write_state)
        return self._run

    @property
    def account_label(self) -> str | None:
        """What the user calls the account, None where tables hold no other."""
        return self._settings["account_label"] if self._settings else None

    # --- streams ----------------------------------------------------------------------------

    def discover_streams(self) -> Sequence[UnifiedStream]:
        """Return a stream per resource; their schemas are made when they are asked for."""
        return [UnifiedStream(self, self, resource) for resource in self._known.values()]

    @cached_property
    def _known(self) -> dict[str, Resource]:
        """The streams that there are on this account, by name."""
        is_discovery = self.input_catalog is None and not self._is_under_way
        wanted = is_discovery or selects_custom_objects(self.input_catalog)
        return streams_of(self.run.lookups.custom_objects() if wanted else ())

    def schema_of(self, resource: Resource) -> Schema:
        """Return a resource's schema, with the account's own custom fields."""
        run = self.run
        custom = None
        if resource.custom_fields:
            try:
                custom = run.lookups.custom_fields(resource.custom_fields)
            except (InvalidRequest, ServerError):
                if not self._is_under_way:
                    raise
                # The crawl meets the same trouble: its streams fail, the others go on.
        return resource.schema(custom, remote_data=run.remote_data, deletes=run.deletes is not None)

    def _selected(self) -> list[UnifiedStream]:
        return [s for s in self.streams.values() if isinstance(s, UnifiedStream) and s.selected]

    def prepare(self) -> None:
        """Announce what the run asks for first, then make the schemas, which ask too."""
        self._is_under_way = True
        self.logger.addFilter(cli.is_news)
        chosen = selected_streams(self.input_catalog, self._bookmarks_before, self._known)
        self._openings = prepare_endpoints(self.run, chosen)
        self.setup_mapper()

    def setup_mapper(self) -> None:
        """Bring the catalog up to date before the SDK reads it."""
        if self.input_catalog is not None:
            update_catalog(
                self.input_catalog,
                self.schema_of,
                self.run.lookups.prefetch_fields_of,
                known=self._known,
                deletes=self._settings is not None and self._settings["detect_deletes"],
                label=self.account_label,
            )
        elif self._settings is not None:
            self.run.lookups.prefetch_fields_of(RESOURCES)
        super(Tap, self).setup_mapper()
        register(self.mapper, self.catalog)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the last run's state; raise `SettingsError` when it cannot be one."""
        try:
            bookmarks = bookmarks_of(state, self._clock.now())
        except InvalidState as problem:
            raise SettingsError([f"the state is misshapen: {problem}"]) from None
        super().load_state(copy.deepcopy(state))
        self._bookmarks_before = copy.deepcopy(bookmarks)

    # --- running ----------------------------------------------------------------------------

    def sync_endpoint(self, stream: UnifiedStream) -> None:
        """Run the crawl a stream lives on, once; a failure is told and the other streams go on."""
        name = stream.resource.endpoint_name
        if name in self._crawled:
            return
        self._crawled.add(name)
        streams = [one for one in self._selected() if one.resource.endpoint_name == name]
        if not self._openings:
            self._openings = prepare_endpoints(self.run, self._selected())
        endpoint_sync = EndpointSync(self._openings[name], streams)
        run = self.run
        requests, started = run.client.traffic.requests, self._clock.monotonic()
        run.progress.begin(name, [one.resource for one in streams])
        end = EndpointEnding("failed", None)
        try:
            end = self._crawl_to_its_end(endpoint_sync, streams)
        finally:
            run.progress.end()
            for one in streams:
                tally = self._report.tally(one.name)
                tally.outcome, tally.problem = end.outcome, end.problem
                if end.outcome == "done" and one.name in endpoint_sync.closed:
                    closed = self._closed(is_confirmed=one.resource.is_confirmed)
                    tally.outcome, tally.problem = closed.outcome, closed.problem
                tally.seconds = self._clock.monotonic() - started
                if one is streams[0]:
                    tally.requests += run.client.traffic.requests - requests
                one.log_metrics(tally)
        endpoint_sync.end(is_done=end.outcome not in {"stopped", "failed"})
        self._write_state()
        if end.leave is not None:
            self._stop.cancel_deadline()
            raise end.leave

    def _crawl_to_its_end(
        self, endpoint_sync: EndpointSync, streams: list[UnifiedStream]
    ) -> EndpointEnding:
        """Run a crawl and say how it ended; only what ends the whole run is raised later."""
        names = ", ".join(one.name for one in streams)
        try:
            version = None if self.run.deletes is None else int(self._clock.now().timestamp())
            endpoint_sync.open()
            for one in streams:
                one.begin(version)
            endpoint_sync.sync()
        except (PermissionDenied, NotFound, InvalidRequest, UnexpectedAnswer) as problem:
            return self._note_refusal(names, problem, is_confirmed=endpoint_sync.is_confirmed)
        except cli.Stopped as news:
            leave = cli.ExitProgram(str(news), 128 + news.signum)
            return EndpointEnding("stopped", str(news), leave)
        except FatalError as problem:
            return EndpointEnding("failed", str(problem), cli.exit_because(problem))
        except ActiveCampaignError as problem:
            return self._note_failure(names, problem)
        except OSError as problem:
            # Our own output failed: nothing more can be written, state least of all.
            raise cli.ExitProgram(cli.describe(problem), cli.EXIT_FAILED) from None
        return EndpointEnding("done", None)

    def _note_failure(self, names: str, problem: ActiveCampaignError) -> EndpointEnding:
        self.logger.error("%s: %s; the other streams continue", names, problem)
        return EndpointEnding("failed", str(problem))

    def _note_refusal(
        self, names: str, problem: RequestError, *, is_confirmed: bool
    ) -> EndpointEnding:
        if is_confirmed and isinstance(problem, (InvalidRequest, UnexpectedAnswer)):
            return self._note_failure(names, problem)
        end = self._closed(is_confirmed=is_confirmed)
        level = logging.ERROR if end.outcome == "failed" else logging.WARNING
        self.logger.log(level, "%s: %s (%s)", names, end.outcome, problem)
        return end

    def _closed(self, *, is_confirmed: bool) -> EndpointEnding:
        is_failure = self._settings is not None and self._settings["on_forbidden"] == "fail"
        return closed_ending(is_confirmed=is_confirmed, is_failure=is_failure)

    def try_out(self) -> None:
        """Read one record of each stream that is selected by default."""
        streams = [one for one in self.streams.values() if one.selected_by_default]
        self.run_sync_dry_run(1, streams)

    def _write_state(self) -> None:
        self.state_writer.write_state(self.state)

    def _handle_termination(self, signum: int, frame: Any) -> None:
        self._stop.on_signal(signum, frame)

    def finish(self, ending: cli.RunEnding | None = None) -> int:
        """Tell what was done and return the exit code; ``ending`` is what ended the run early."""
        report, settings = self._report, self._settings
        failed = report.failed
        if ending is None:
            lines = [f"{', '.join(failed)} failed"] if failed else []
            ending = cli.RunEnding(lines, cli.EXIT_FAILED if failed else 0)
        report.log_summary()
        if settings:
            write_reports(settings, self._document(settings, ending), *report.summary())
        self._let_go()
        return ending.code

    def _let_go(self) -> None:
        if self._run is not None:
            self._run.close()

    def _document(self, settings: Settings, ending: cli.RunEnding) -> dict[str, Any]:
        run = self._run
        return self._metadata.document(settings, run.client.traffic if run else None, ending) | {
            "rows": self._report.totals(),
            "streams": self._report.document(),
            "left_out": run.lookups.unread if run else [],
            "bookmarks_before": self._bookmarks_before,
            "bookmarks_after": self.state.get("bookmarks", {}),
        }

    def run_discovery(self) -> str:
        """Write the catalog and return it; where that fails, the report says why."""
        try:
            return super().run_discovery()
        except BaseException as problem:
            self.finish(cli.run_ending_of(problem))
            raise
        finally:
            self._let_go()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what was done, and write the report, however it ends."""
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
        """Return the SDK's command; what ``--test`` takes, and does, is ours."""
        command = super().get_singer_command()
        checkup.describe(next(one for one in command.params if one.name == "test"))
        return command

    @classmethod
    def cb_config(cls, ctx: Any, param: Any, value: tuple[str, ...]) -> Any:
        """Read the config files, after making sure that they can be."""
        cli.check_json_files(value, "config")
        return super().cb_config(ctx, param, value)

    @classmethod
    def cb_test(cls, ctx: Any, param: Any, value: str) -> None:  # noqa: ARG003 - click's signature
        """Check the account up, then read one record per stream; reports go to stderr."""
        if value == checkup.OFF:
            return
        config = ctx.params.get("config")
        tap = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
        )
        if value == checkup.SCHEMA:
            tap.write_schemas()
            ctx.exit()
        with checkup.shown(value) as findings, tap._told():
            checkup.ConnectionCheck(tap.run.client, findings).run()
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
        known = None if state is None else cli.read_json(*cli.read_file(state, "state"))
        chosen = None if catalog is None else parse_catalog(*cli.read_file(catalog, "catalog"))
        tap = cls(
            config=config.config if config else {},
            state=known,
            catalog=chosen,
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
            setup_mapper=False,
        )
        with tap._told(), tap.run.progress.shown():
            tap.prepare()
            tap.sync_all()


def main() -> None:
    """Run ``tap-activecampaign-unified``."""
    cli.run(PACKAGE, lambda: TapActiveCampaignUnified.cli)
