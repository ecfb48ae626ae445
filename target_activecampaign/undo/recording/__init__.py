"""Records the values that a run replaces, for an undo."""
