"""Tests of tap/client/rate_limit."""
