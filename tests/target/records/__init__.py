"""Tests of target/records."""
