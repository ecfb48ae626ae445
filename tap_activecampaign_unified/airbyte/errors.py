"""Airbyte's three kinds of failure, for each exception that can end a run or a stream.

``config_error``: the user must change settings, rights or rows, and Airbyte does not retry.
``transient_error``: the same run may succeed later. ``system_error``: a defect of this program or
its machine.
"""

from __future__ import annotations

import click
from airbyte_protocol_dataclasses.models import FailureType

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.client import (
    ActiveCampaignError,
    ConnectionFailed,
    FatalError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
)
from tap_activecampaign_unified.config.read_settings import SettingsError

_ERRORS_OF_USER = (SettingsError, click.ClickException, PermissionDenied, NotFound, InvalidRequest)

# Exit codes from here on are signals.
_SIGNALS = 128


def failure_type(problem: BaseException) -> FailureType:
    """Return the kind of failure of an exception."""
    if isinstance(problem, cli.ExitProgram):
        cause = problem.__cause__ or problem.__context__
        if cause is not None:
            return failure_type(cause)
        is_stopped = problem.code > _SIGNALS
        return FailureType.transient_error if is_stopped else FailureType.config_error
    if isinstance(problem, _ERRORS_OF_USER):
        return FailureType.config_error
    if isinstance(problem, FatalError) and not isinstance(problem, ConnectionFailed):
        return FailureType.config_error
    if isinstance(problem, (ActiveCampaignError, cli.Stopped, KeyboardInterrupt)):
        return FailureType.transient_error
    if cli.run_ending_of(problem).code == cli.EXIT_SETTINGS:
        return FailureType.config_error
    return FailureType.system_error
