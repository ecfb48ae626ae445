"""Tests of tap/deletes."""
