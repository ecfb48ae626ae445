"""Undo of records that the target writes whole: those of e-commerce and of custom objects."""
