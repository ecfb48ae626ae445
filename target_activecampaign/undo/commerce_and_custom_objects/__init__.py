"""Undo of documents: whole records of e-commerce and of custom objects."""
