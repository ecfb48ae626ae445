"""Checks that the extra package of the Airbyte connectors is installed."""

from __future__ import annotations

from importlib.util import find_spec

MODELS = "airbyte_protocol_dataclasses"


def require_models(program: str) -> None:
    """End the process with one line if the package of the extra ``airbyte`` is missing."""
    if find_spec(MODELS) is None:
        raise SystemExit(
            f"{program} needs the extra `airbyte`: "
            "pip install 'tap-activecampaign-unified[airbyte]'"
        )
