"""Whole runs of tap and target over an account that does all that may go wrong."""
