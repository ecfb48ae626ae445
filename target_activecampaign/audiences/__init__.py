"""Audiences: streams whose input is all their people, and what those lose who leave."""
