"""ActiveCampaign's bulk importer of contacts."""
