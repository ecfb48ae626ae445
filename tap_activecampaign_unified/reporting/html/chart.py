"""Charts of the request rate over time, for large and for small screens."""

from __future__ import annotations

import sys
from typing import Any
from xml.etree import ElementTree as ET

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

from tap_activecampaign_unified.reporting.durations import clock_time

# pygal imports its map plugins through a deprecated module, which emits a warning.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]

SVG = "{http://www.w3.org/2000/svg}"
#: Width, height and largest number of labels, by size of the screen.
SIZES = {"wide": (960, 300, 10), "narrow": (360, 260, 4)}
#: Seconds between labels.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


def rate_charts(over_time: dict[str, Any], limit: float) -> dict[str, str]:
    """Return the charts by screen size; empty if the run sent no request.

    The charts are SVG and contain only numbers.
    """
    if not over_time["requests"]:
        return {}
    return {name: _draw(name, over_time, limit) for name in SIZES}


def _draw(name: str, over_time: dict[str, Any], limit: float) -> str:
    width, height, labels = SIZES[name]
    bucket, requests = over_time["bucket_seconds"], over_time["requests"]
    end = bucket * len(requests)
    highest = max(limit, *(count / bucket for count in requests))
    chart = pygal.XY(
        width=width,
        height=height,
        style=_style(),
        js=(),
        show_dots=False,
        show_legend=False,
        range=(0, highest * 1.1),
        xrange=(0, end),
        x_value_formatter=clock_time,
        value_formatter=lambda value: f"{value:g}",
        margin=4,
        max_scale=6,
    )
    chart.uuid = f"rate-{name}"
    chart.x_labels = _labels(end, labels)
    chart.add("requests a second", _steps(requests, bucket), fill=True)
    chart.add("faults a second", _steps(over_time["faults"], bucket), fill=True)
    if limit:
        dashes = {"width": 1.5, "dasharray": "5, 5"}
        chart.add("limit", [(0, limit), (end, limit)], stroke_style=dashes)
    return _without_scripts(chart.render_tree())


def _steps(counts: list[int], bucket: float) -> list[tuple[float, float]]:
    """Return the outline of a rate that is constant within each bucket."""
    points = []
    for index, count in enumerate(counts):
        points += [(index * bucket, count / bucket), ((index + 1) * bucket, count / bucket)]
    return points


def _labels(end: float, max_labels: int) -> list[float]:
    step = next(
        (seconds for seconds in STEPS if end / seconds <= max_labels),
        86400 * -(-end // (86400 * max_labels)),
    )
    return [step * number for number in range(int(end // step) + 1)]


def _style() -> Style:
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--quiet)",
        foreground_strong="var(--quiet)",
        foreground_subtle="var(--line)",
        colors=("var(--accent)", "var(--bad)", "var(--ink)"),
        value_colors=("var(--ink)",) * 3,
        font_family="inherit",
        label_font_size=13,
        major_label_font_size=13,
        opacity=".2",
        opacity_hover=".2",
        transition="0s",
        guide_stroke_dasharray="none",
        major_guide_stroke_dasharray="none",
        guide_stroke_color="var(--line)",
        major_guide_stroke_color="var(--line)",
    )


def _without_scripts(root: Any) -> str:
    """Return a chart without scripts and links, hidden from screen readers."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag in {f"{SVG}script", "script"}:
                parent.remove(child)
    root.set("aria-hidden", "true")  # the caption and the table have the same content
    return ET.tostring(root, encoding="unicode")
