"""``target-activecampaign``, and ``python -m target_activecampaign``."""

from __future__ import annotations

from tap_activecampaign_unified.early_signals import heed_signals


def main() -> None:
    """Run the target."""
    heed_signals()
    from .target import main as run  # noqa: PLC0415 - it takes long to load

    run()


if __name__ == "__main__":
    main()
