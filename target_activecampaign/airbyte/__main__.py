"""``destination-activecampaign``, and ``python -m target_activecampaign.airbyte``."""

from __future__ import annotations

from tap_activecampaign_unified.airbyte.extra_package import require_models
from tap_activecampaign_unified.signals_during_import import install_early_handlers


def main() -> None:
    """Run the Airbyte destination."""
    install_early_handlers()
    require_models("destination-activecampaign")
    from .destination_commands import main as run  # noqa: PLC0415 - it takes long to load

    run()


if __name__ == "__main__":
    main()
