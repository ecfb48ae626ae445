"""``source-activecampaign-unified``, and ``python -m tap_activecampaign_unified.airbyte``."""

from __future__ import annotations

from tap_activecampaign_unified.signals_during_import import install_early_handlers

from .extra_package import require_models


def main() -> None:
    """Run the Airbyte source."""
    install_early_handlers()
    require_models("source-activecampaign-unified")
    from .source_commands import main as run  # noqa: PLC0415 - slow import

    run()


if __name__ == "__main__":
    main()
