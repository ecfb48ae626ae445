"""The sync of one endpoint: it reads pages and emits the records of one or more streams."""
