"""E-commerce: upserts orders, products and subscriptions by the store's own ids."""
