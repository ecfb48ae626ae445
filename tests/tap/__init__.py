"""Tests of the tap, against an account in this process."""
