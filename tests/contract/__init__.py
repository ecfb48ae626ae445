"""Every request of tap and target, and every answer of the sandbox, against the documentation."""
