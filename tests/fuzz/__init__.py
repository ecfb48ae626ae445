"""Searches for input that breaks what must never break; `tests/length.py` says how long."""
