"""Reports a run: progress in the log or as a live view, summary, run report, HTML report."""
