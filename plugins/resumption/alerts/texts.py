"""Texts of the messages: ``texts.yaml`` beside this file, each in Chinese and English."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return found


def text(name: str, language: str, **values: Any) -> str:
    """Return a text with its named values filled in."""
    return str(_texts()[name][language]).format(**values)
