"""Singer target: unified records become changes in ActiveCampaign, each row with its result."""
