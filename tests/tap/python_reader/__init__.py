"""Tests of the Python API for reading."""
