"""Tests of target/reporting."""
