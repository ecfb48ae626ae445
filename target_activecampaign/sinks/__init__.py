"""Sinks: one writer per stream."""
