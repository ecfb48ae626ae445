"""Requests of GraphQL, and walks over its searches."""
