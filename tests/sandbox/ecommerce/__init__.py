"""E-commerce: the GraphQL store, the REST store, and the copy from the first to the second."""
