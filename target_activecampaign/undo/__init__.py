"""Undo: stores the values that a run replaces, and puts them back."""
