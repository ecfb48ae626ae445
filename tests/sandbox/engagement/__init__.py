"""Engagement: sends, opens, clicks and bounces, as the undocumented collections show them."""
