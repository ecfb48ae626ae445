"""Tests of the resource tables."""
