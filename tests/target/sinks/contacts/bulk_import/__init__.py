"""Tests of target/sinks/contacts/bulk_import."""
