"""Who can read the key, the rows and the files of a user."""
