"""Tests of tap/client/pagination."""
