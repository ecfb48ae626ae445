"""Tests of target/processing."""
