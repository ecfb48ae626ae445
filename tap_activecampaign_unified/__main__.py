"""``tap-activecampaign-unified``, and ``python -m tap_activecampaign_unified``."""

from __future__ import annotations

from .signals_during_import import install_early_handlers


def main() -> None:
    """Run the tap."""
    install_early_handlers()
    from .tap import main as run  # noqa: PLC0415 - slow import

    run()


if __name__ == "__main__":
    main()
