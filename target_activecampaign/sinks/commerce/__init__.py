"""E-commerce: orders, products and subscriptions, upserted by the store's own ids."""
