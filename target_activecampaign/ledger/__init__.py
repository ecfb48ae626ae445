"""The ledger: the values that the account confirmed, as keyed hashes."""
