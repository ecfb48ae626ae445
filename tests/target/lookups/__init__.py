"""Tests of target/lookups."""
