"""Concurrent writes that keep the order of rows of the same record."""
