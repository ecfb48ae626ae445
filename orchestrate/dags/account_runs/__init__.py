"""What the DAG's tasks are made of: an account's settings, its run by Meltano, alerts."""
