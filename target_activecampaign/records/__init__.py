"""Records to write: values, references and identity. Pure: no I/O."""
