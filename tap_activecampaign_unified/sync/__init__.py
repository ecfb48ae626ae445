"""The sync of one endpoint: pages in, records of one or more streams out."""
