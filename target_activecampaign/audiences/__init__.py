"""Audiences: streams whose input has all their people; revokes grants of people who leave."""
