"""Tests of target/undo/commerce_and_custom_objects."""
