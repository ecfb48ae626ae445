"""Searches for input that causes a defect; `tests/length.py` says how long they search."""
