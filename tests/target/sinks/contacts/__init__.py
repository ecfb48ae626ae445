"""Tests of target/sinks/contacts."""
