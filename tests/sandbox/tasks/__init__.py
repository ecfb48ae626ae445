"""Tasks of deals and contacts, their types and outcomes."""
