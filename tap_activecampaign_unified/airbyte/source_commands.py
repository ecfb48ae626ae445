"""``source-activecampaign-unified``: spec, check, discover, read."""

from __future__ import annotations

import json
import logging
from typing import Any

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.config.tap_settings import TAP
from tap_activecampaign_unified.connection_check import (
    MAY_READ,
    ConnectionCheck,
    Document,
    lines_of,
)

from . import command_line
from .catalog import ConfiguredCatalog
from .source import NAME, SourceTap, SourceWriter
from .spec import specification

logger = logging.getLogger(NAME)


def source(writer: SourceWriter, make_tap: type[SourceTap] = SourceTap) -> Any:
    """Return the source's command. It writes with ``writer``."""
    command = command_line.group(NAME, "Read an ActiveCampaign account: the Airbyte source.")

    @command.command(help="Write the specification of the settings.")
    def spec() -> None:
        command_line.write_result(writer, specification(TAP, "Reading"))

    @command.command(help="Check the account, and log the collections that the key may not read.")
    @command_line.config
    def check(config: str) -> None:
        def attempt() -> None:
            tap = make_tap(config=command_line.read_settings(config), message_writer=writer)
            findings: Document = {}
            ConnectionCheck(tap.context.client, findings).run()
            findings["key"].pop("user", None)  # a log may not contain a person's name
            for line in lines_of(findings):
                logger.info(line)
            refuse_unreadable(findings)

        command_line.check(writer, attempt)

    @command.command(help="Write the catalog: streams, schemas, keys.")
    @command_line.config
    def discover(config: str) -> None:
        with command_line.traced(writer):
            tap = make_tap(config=command_line.read_settings(config), message_writer=writer)
            command_line.write_result(writer, tap.discover())

    @command.command(help="Read the streams of a configured catalog.")
    @command_line.config
    @command_line.catalog
    @command_line.state
    def read(config: str, catalog: str, state: str | None) -> None:
        tap: SourceTap | None = None
        with command_line.traced(writer, lambda: tap is not None and tap.has_reported):
            name = f"catalog file {catalog}"
            configured = ConfiguredCatalog(
                cli.read_json(command_line.read_text(catalog, "catalog"), name)
            )
            states = states_of(command_line.read_text(state, "state"), state) if state else []
            settings = command_line.read_settings(config)
            tap = make_tap(
                config=settings,
                configured=configured,
                state=configured.singer_state(states),
                setup_mapper=False,
                message_writer=writer,
            )
            tap.read()

    return command


def states_of(text: str, path: str) -> Any:
    """Return the content of a state file. Raise `SettingsError` if it is not JSON."""
    try:
        return json.loads(text) if text.strip() else []
    except (ValueError, RecursionError):
        raise SettingsError([f"the state file {path} is not JSON: reset the connection"]) from None


def refuse_unreadable(findings: Document) -> None:
    """Log unreadable collections. Raise `SettingsError` if the key may read only users."""
    findings_by_name = findings.get(MAY_READ, {})
    unreadable = {name: value for name, value in findings_by_name.items() if value.startswith("no")}
    for name, value in unreadable.items():
        logger.warning("The key may not read %s: %s", name, value)
    # Every key may read users, because `users/me` names the key's user.
    if findings_by_name and set(findings_by_name) - set(unreadable) <= {"users"}:
        raise SettingsError(["the key may read nothing: give its user's group rights"])


def main() -> None:
    """Run ``source-activecampaign-unified``."""
    writer = SourceWriter()
    command_line.main(NAME, source(writer), writer)
