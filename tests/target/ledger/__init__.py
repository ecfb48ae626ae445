"""Tests of target/ledger."""
