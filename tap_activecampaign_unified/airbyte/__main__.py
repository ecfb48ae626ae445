"""``source-activecampaign-unified``, and ``python -m tap_activecampaign_unified.airbyte``."""

from __future__ import annotations

from tap_activecampaign_unified.early_signals import install_early_handlers

from .installation import need_models


def main() -> None:
    """Run the Airbyte source."""
    install_early_handlers()
    need_models("source-activecampaign-unified")
    from .commands import main as run  # noqa: PLC0415 - slow import

    run()


if __name__ == "__main__":
    main()
