"""``tap-activecampaign-unified``, and ``python -m tap_activecampaign_unified``."""

from __future__ import annotations

from .early_signals import heed_signals


def main() -> None:
    """Run the tap."""
    heed_signals()
    from .tap import main as run  # noqa: PLC0415 - it takes long to load

    run()


if __name__ == "__main__":
    main()
