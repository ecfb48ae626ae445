"""Programs that are killed or stopped at any moment, and the run after it."""
