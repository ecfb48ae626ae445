"""The tasks of the DAGs: settings of an account, its run by Meltano, reports, alerts."""
