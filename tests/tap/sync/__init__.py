"""Tests of tap/sync."""
