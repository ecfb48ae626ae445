"""Every call of tap and target, and every answer of the sandbox, against what is documented."""
