"""Records to write: values, references and identity. No module here does I/O."""
