"""Run the tap with ``python -m tap_activecampaign_unified``."""

from tap_activecampaign_unified.tap import main

if __name__ == "__main__":
    main()
