"""Tests of target/undo/documents."""
