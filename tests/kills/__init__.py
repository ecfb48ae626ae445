"""Programs killed or stopped at any moment, and what the next run makes of it."""
