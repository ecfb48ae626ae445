"""Loads related rows and joins them to the rows of a page."""
