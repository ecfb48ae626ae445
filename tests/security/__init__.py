"""The key, the rows and the files of a user: who gets to see them, and who does not."""
