"""Lookups of records in the account by natural key."""
