"""docs/recipes.md exactly as it is written: its SQL, files, commands and output."""
