"""Airbyte destination: the target with Airbyte protocol messages as input."""
