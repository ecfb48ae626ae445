"""docs/recipes.md followed to the letter: its SQL, its files, its commands, its output."""
