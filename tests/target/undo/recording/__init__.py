"""Tests of target/undo/recording."""
