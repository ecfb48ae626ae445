"""``python -m target_activecampaign``."""

from .target import main

main()
