"""Input of the target: parses message lines into records to write."""
