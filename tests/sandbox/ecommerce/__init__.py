"""E-commerce: the GraphQL store, the REST store beside it, and the copy from the first to it."""
