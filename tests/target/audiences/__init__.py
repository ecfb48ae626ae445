"""Tests of target/audiences."""
