"""Renders the run report as one HTML page without scripts and without external resources.

All values are escaped, and a content security policy forbids scripts and requests. The page leaves
out the samples of a dry run, which may contain personal data.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from .chart import rate_charts
from .tables import NOTHING, Headline, headline_of, tables_of, text_of

if TYPE_CHECKING:
    from .tables import ReportTable

__all__ = ["page_of"]


def page_of(document: dict[str, Any]) -> str:
    """Return the page of a run report."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["text"] = text_of
    here = resources.files(__package__ or __name__)
    template = environment.from_string(here.joinpath("page.html").read_text("utf-8"))
    headline: Headline = headline_of(document)
    tables: dict[str, ReportTable] = tables_of(document)
    return template.render(
        style=here.joinpath("page.css").read_text("utf-8"),
        headline=headline,
        charts=rate_charts(document["traffic"]["over_time"], headline.limit),
        tables=tables,
        nothing=NOTHING,
    )
