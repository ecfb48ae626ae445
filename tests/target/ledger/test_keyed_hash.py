"""The hash of the ledger is HMAC-SHA256, so that every ledger stays readable."""

from __future__ import annotations

import hmac

import pytest

from target_activecampaign.ledger.keyed_hash import KeyedHash

KEYS = [b"", b"k", bytes(range(32)), bytes(range(64))]
TEXTS = [b"", b'"Ada"', b"x" * 1_000]


@pytest.mark.parametrize("key", KEYS, ids=len)
@pytest.mark.parametrize("text", TEXTS, ids=len)
def test_the_hash_is_that_of_the_standard_library(key: bytes, text: bytes) -> None:
    """`KeyedHash` and `hmac` return the same hash for every key and text."""
    keyed = KeyedHash(key)
    keyed.digest(b"an earlier text")
    assert keyed.digest(text) == hmac.digest(key, text, "sha256")
