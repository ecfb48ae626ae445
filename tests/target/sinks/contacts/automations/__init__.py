"""Tests of target/sinks/contacts/automations.py and enrolment_ledger.py."""
