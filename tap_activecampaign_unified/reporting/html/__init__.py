"""Renders the run report as one HTML page without scripts and without external resources.

The markup is in `report.html.jinja`, the content of the tables in `table_data`.

The template escapes all values, and a content security policy forbids scripts and requests. The
page omits the samples of a dry run, which may contain personal data.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from .chart import rate_charts
from .headline import headline_of
from .table_data import NOTHING, tables_of, text_of

__all__ = ["page_of"]


def page_of(document: dict[str, Any]) -> str:
    """Return the page of a run report."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["text"] = text_of
    folder = resources.files(__package__ or __name__)
    template = environment.from_string(folder.joinpath("report.html.jinja").read_text("utf-8"))
    headline = headline_of(document)
    return template.render(
        style=folder.joinpath("report.css").read_text("utf-8"),
        headline=headline,
        charts=rate_charts(document["traffic"]["over_time"], headline.limit),
        tables=tables_of(document),
        nothing=NOTHING,
    )
