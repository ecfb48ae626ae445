"""Decides which values of a run an undo restores: by record, by value, by list status."""
