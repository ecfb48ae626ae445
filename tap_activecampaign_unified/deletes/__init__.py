"""Detects deleted records, and stores the known ids for the comparison."""
