"""Custom objects: schemas, records, and reads that lag behind writes."""
