"""`make demo`: an account, Meltano, and a check of the tables."""
