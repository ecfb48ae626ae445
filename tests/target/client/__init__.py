"""Tests of target/client."""
