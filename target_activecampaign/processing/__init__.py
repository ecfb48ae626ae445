"""Batches from the first check to the last result, and what is deferred."""
