"""Tests of the sinks of named records."""
