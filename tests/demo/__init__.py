"""`make demo`, and what it is made of: an account, Meltano, and a look at the tables."""
