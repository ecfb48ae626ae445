"""The Airbyte destination against the sandbox."""
