"""Sinks: a writer for each stream."""
