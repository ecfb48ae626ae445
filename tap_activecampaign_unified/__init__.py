"""Singer tap that reads an ActiveCampaign account as unified records."""
