"""Tests of tap/storage."""
