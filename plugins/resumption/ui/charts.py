"""Line charts as SVG inside a page: drawn on the server, without script or style; ``site.css`` gives the colours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pygal
from markupsafe import Markup


def lines(title: str, series: Mapping[str, Mapping[dt.date, float | None]], unit: str = "") -> Markup:
    """Return a chart of values by day; a table beside it says the same to those who cannot see it."""
    return _drawn(title, tuple((name, tuple(values.items())) for name, values in series.items()), unit)


@lru_cache(maxsize=128)
def _drawn(title: str, given: tuple[tuple[str, tuple[tuple[dt.date, float | None], ...]], ...], unit: str) -> Markup:
    series = {name: dict(values) for name, values in given}
    days = sorted({day for values in series.values() for day in values})
    chart = pygal.Line(
        js=[], css=[], width=640, height=320, legend_at_bottom=True, legend_at_bottom_columns=1, no_prefix=True,
        disable_xml_declaration=True, margin=8, dots_size=3, title=title, value_formatter=lambda v: f"{v:.0f}{unit}",
        truncate_legend=-1, x_labels_major_count=7, show_minor_x_labels=len(days) <= 10,
    )  # fmt: skip
    chart.add_xml_filter(_bare)
    chart.x_labels = [f"{day:%m-%d}" for day in days]
    for name, values in series.items():
        chart.add(name, [values.get(day) for day in days])
    return Markup(chart.render(is_unicode=True))


def _bare(root: Any) -> Any:
    """Without script, style, the maker's comments, which name outside addresses, and ids, which charts share."""
    for child in list(root):
        if not isinstance(child.tag, str) or child.tag == "defs":
            root.remove(child)
    for element in root.iter():
        element.attrib.pop("style", None)
        name = element.attrib.pop("id", "")
        element.set("class", f"{element.get('class', '')} {name}".strip())
    root.set("role", "img")
    return root
