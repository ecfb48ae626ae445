"""The endpoint table: how the tap reads each endpoint."""
