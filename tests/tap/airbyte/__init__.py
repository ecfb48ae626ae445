"""The Airbyte source against the sandbox."""
