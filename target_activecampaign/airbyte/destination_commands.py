"""``destination-activecampaign``: spec, check, write."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.airbyte import command_line
from tap_activecampaign_unified.airbyte.protocol import error
from tap_activecampaign_unified.airbyte.spec import specification
from tap_activecampaign_unified.airbyte.writer import AirbyteWriter
from target_activecampaign.config.target_settings import TARGET

from .catalog import MODES, schemas_of
from .destination import DestinationTarget

NAME = "destination-activecampaign"


def destination(
    writer: AirbyteWriter, make_target: type[DestinationTarget] = DestinationTarget
) -> Any:
    """Return the destination's command, which sends its messages with ``writer``."""
    command = command_line.group(
        NAME, "Write to an ActiveCampaign account: the Airbyte destination."
    )

    @command.command(help="Write the specification of the settings.")
    def spec() -> None:
        command_line.write_result(writer, specification(TARGET, "Writing", MODES))

    @command.command(help="Say whether the account can be written to.")
    @command_line.config
    def check(config: str) -> None:
        def attempt() -> None:
            settings = command_line.read_settings(config)
            make_target(config=settings, writer=writer, schemas=[]).check()

        command_line.check(writer, attempt)

    @command.command(help="Write the messages of the standard input to the account.")
    @command_line.config
    @command_line.catalog
    def write(config: str, catalog: str) -> None:
        with command_line.traced(writer):
            label = f"catalog file {catalog}"
            configured = cli.read_json(command_line.read_text(catalog, "catalog"), label)
            settings, schemas = command_line.read_settings(config), schemas_of(configured)
            target = make_target(config=settings, writer=writer, schemas=schemas)
            code = target.run()
        if code:
            writer.send(error("; ".join(target.ending.lines), target.failure))
            raise SystemExit(code)

    return command


def main() -> None:
    """Run ``destination-activecampaign``."""
    writer = AirbyteWriter()
    command_line.main(NAME, destination(writer), writer)
