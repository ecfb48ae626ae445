"""Unified access from Python, against the sandbox."""
