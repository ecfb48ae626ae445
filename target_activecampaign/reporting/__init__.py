"""Results of rows, the plan of a dry run, counts of automations."""
