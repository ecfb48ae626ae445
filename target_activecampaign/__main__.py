"""``target-activecampaign``, and ``python -m target_activecampaign``."""

from __future__ import annotations

from tap_activecampaign_unified.signals_during_import import install_early_handlers


def main() -> None:
    """Run the target."""
    install_early_handlers()
    from .target import main as run  # noqa: PLC0415 - it takes long to load

    run()


if __name__ == "__main__":
    main()
