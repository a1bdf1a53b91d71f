"""A small feed in any layout."""

from __future__ import annotations

from dataclasses import replace

from resumption.contracts import FeedColumn, FeedContract, load_feed
from resumption.contracts.feed import ConformSpec, ReaderSpec

COLUMNS = ("code", "phone", "reading", "note")


def feed(layout: str = "csv", **reader: object) -> FeedContract:
    """A feed whose columns arrive as 代码 (or 统一代码), 手机号, 读数 and, not always, 备注."""
    spec = ReaderSpec.model_validate({"format": layout, **reader})
    names = {"code": "代码", "phone": "手机号", "reading": "读数", "note": "备注"}
    options = {"code": {"aliases": ["统一代码"]}, "note": {"optional": True}}
    columns = tuple(
        FeedColumn(name, source, "…", "internal", None, ConformSpec.model_validate(options.get(name, {})))
        for name, source in names.items()
    )
    return replace(load_feed("checkins"), name="small", reader=spec, columns=columns)
