"""The fields of a row: native columns, custom fields, and the settings that decide about them."""
