"""The account's contact limit, and the contacts that exceed it."""
