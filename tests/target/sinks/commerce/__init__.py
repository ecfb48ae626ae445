"""Tests of e-commerce: orders, products, subscriptions, and the contacts that they create."""
