"""Benchmarks: each script prints its figures and fails below its bar."""
