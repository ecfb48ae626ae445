"""Input of the target: message lines in, records to write out."""
