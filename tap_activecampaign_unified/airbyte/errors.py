"""Airbyte's three kinds of failure, for everything that can end a run or a stream.

``config_error``: a person must change settings, rights or rows; Airbyte does not try again.
``transient_error``: the same run may succeed later. ``system_error``: this program or its machine.
"""

from __future__ import annotations

import click
from airbyte_protocol_dataclasses.models import FailureType

from .. import cli
from ..api import ActiveCampaignError, Forbidden, Missing, Refused, RunEnds, Unreachable
from ..settings import SettingsError

_FOR_A_PERSON = (SettingsError, click.ClickException, Forbidden, Missing, Refused)

# Exit codes from here on are signals.
_SIGNALS = 128


def failure_type(problem: BaseException) -> FailureType:
    """Return which kind of failure an exception is."""
    if isinstance(problem, cli.Leave):
        cause = problem.__cause__ or problem.__context__
        if cause is not None:
            return failure_type(cause)
        is_stopped = problem.code > _SIGNALS
        return FailureType.transient_error if is_stopped else FailureType.config_error
    if isinstance(problem, _FOR_A_PERSON):
        return FailureType.config_error
    if isinstance(problem, RunEnds) and not isinstance(problem, Unreachable):
        return FailureType.config_error
    if isinstance(problem, (ActiveCampaignError, cli.Stopped, KeyboardInterrupt)):
        return FailureType.transient_error
    if cli.ending_of(problem).code == cli.EXIT_SETTINGS:
        return FailureType.config_error
    return FailureType.system_error
