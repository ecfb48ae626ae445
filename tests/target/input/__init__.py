"""Tests of target/input."""
