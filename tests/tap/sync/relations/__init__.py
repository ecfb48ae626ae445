"""Tests of tap/sync/relations."""
