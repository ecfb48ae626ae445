"""The ledger: what the account confirmed, by keyed hash."""
