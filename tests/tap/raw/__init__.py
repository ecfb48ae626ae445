"""Raw streams: ActiveCampaign's collections one to one."""
