"""Detection of deleted records and the known ids it compares with."""
