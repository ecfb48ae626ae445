"""Tests of target/sinks/contacts/automations.py and enrolments.py."""
