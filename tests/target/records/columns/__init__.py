"""Tests of target/records/columns."""
