"""Tests of target/concurrency."""
