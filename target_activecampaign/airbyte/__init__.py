"""Airbyte destination: the target, fed with Airbyte protocol messages."""
