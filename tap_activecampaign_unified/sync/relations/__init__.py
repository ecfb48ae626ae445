"""Rows of related endpoints, joined to the rows of a page."""
