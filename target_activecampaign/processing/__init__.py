"""Processing of batches, from the first check of a row to its result, and deferred rows."""
