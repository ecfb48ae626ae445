"""The target's settings and its command line."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Target
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.plugin_base import PluginBase

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.config.connection import DISTRIBUTION
from tap_activecampaign_unified.config.read_settings import (
    Settings,
    SettingsError,
    json_schema,
    sdk_setting_faults,
)
from target_activecampaign.config.target_settings import PROTECTIVE, TARGET
from target_activecampaign.config.undo_options import UndoOptions
from target_activecampaign.config.write_policy import WritePolicy, build_policy

from .run_builder import NAME

if TYPE_CHECKING:
    from singer_sdk.helpers.capabilities import CapabilitiesEnum


UNDO = (
    "Put back the values that a run replaced (its id is in the log, the report and the results). "
    "Reads no input."
)
UNDO_PLAN = "With --undo: show what would be put back, and write nothing."
UNDO_UNSUBSCRIBES = "With --undo: subscribe again the contacts that only this run unsubscribed."
UNDO_CREATES = "With --undo: delete what the run created, up to max_deletes."


def undo_options(
    run: str | None, *, is_plan: bool, unsubscribes: bool, creates: bool
) -> UndoOptions | None:
    """Return the request of the options, None without ``--undo``. Raises `click.UsageError`."""
    if run is not None:
        return UndoOptions(run.strip(), is_plan, unsubscribes, creates)
    if is_plan or unsubscribes or creates:
        raise click.UsageError(
            "--plan, --undo-unsubscribes and --undo-creates belong to --undo RUN; to plan a run, "
            "set dry_run"
        )
    return None


class ConfiguredTarget(Target):
    """A target with checked settings and a command line. A subclass implements `run`."""

    name = NAME
    package_name = DISTRIBUTION
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(TARGET)
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    #: The settings and the policy, set when the settings have been checked.
    _settings: Settings | None = None
    _policy: WritePolicy | None = None

    # --- settings ---------------------------------------------------------------------------

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's settings that this target honours, and no others."""
        PluginBase.append_builtin_config.__func__(cls, config_jsonschema)  # type: ignore[attr-defined]

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        """Read the environment as text. `Settings` checks the values with all other settings."""
        builtin: dict[str, Any] = {"type": "object", "properties": {}}
        cls.append_builtin_config(builtin)
        properties = {setting.name: {"type": "string"} for setting in TARGET} | builtin[
            "properties"
        ]
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
            self._policy = build_policy(self._settings.values)
        except SettingsError as problem:
            if raise_errors:
                raise
            return problem.lines
        faults = sdk_setting_faults(self.append_builtin_config, TARGET, self._config, PROTECTIVE)
        if faults and raise_errors:
            raise SettingsError(faults)
        return faults

    def _write_policy(self) -> WritePolicy:
        return self._policy if self._policy is not None else WritePolicy()

    def _setting(self, name: str) -> Any:
        return self._settings[name] if self._settings is not None else None

    # --- command line -------------------------------------------------------------------------

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, with the options that undo a run."""
        command = super().get_singer_command()
        command.params.extend(
            [
                click.Option(["--undo", "undone_run"], metavar="RUN", help=UNDO),
                click.Option(["--plan"], is_flag=True, help=UNDO_PLAN),
                click.Option(["--undo-unsubscribes"], is_flag=True, help=UNDO_UNSUBSCRIBES),
                click.Option(["--undo-creates"], is_flag=True, help=UNDO_CREATES),
            ]
        )
        return command

    @classmethod
    def cb_config(cls, ctx: Any, param: Any, value: tuple[str, ...]) -> Any:
        """Check that the config files are readable, then read them."""
        cli.check_config_files(value)
        return super().cb_config(ctx, param, value)

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        file_input: IO[str] | None = None,
        undone_run: str | None = None,
        plan: bool = False,
        undo_unsubscribes: bool = False,
        undo_creates: bool = False,
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
        request = undo_options(
            undone_run, is_plan=plan, unsubscribes=undo_unsubscribes, creates=undo_creates
        )
        code = target.run(file_input) if request is None else target.undo(request)
        if code:
            raise SystemExit(code)

    def undo(self, request: UndoOptions) -> int:
        """Undo a run and return the exit code."""
        raise NotImplementedError

    def run(self, file_input: IO[str] | None = None) -> int:
        """Read the whole input and return the exit code."""
        raise NotImplementedError
