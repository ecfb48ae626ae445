"""Concurrent writes that keep the order of rows of one record."""
