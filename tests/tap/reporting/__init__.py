"""Tests of the live view and the run report."""
