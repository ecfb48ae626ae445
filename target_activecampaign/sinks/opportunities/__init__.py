"""Writes opportunities, which ActiveCampaign calls deals."""
