"""Tests of target/undo."""
