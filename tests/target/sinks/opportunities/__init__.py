"""Tests of the sink of opportunities."""
