"""Custom objects: schemas, records, and reads that show writes late."""
