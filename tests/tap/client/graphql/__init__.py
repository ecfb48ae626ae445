"""Tests of tap/client/graphql."""
