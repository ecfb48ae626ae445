"""Tests of tap/config."""
