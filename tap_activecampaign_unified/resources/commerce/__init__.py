"""E-commerce: stores, customers, orders and their lines, products, subscriptions."""
