"""The user directory: groups and users."""
