"""Progress, the live view, the run report and the HTML report."""
