"""Tests of target/sinks."""
