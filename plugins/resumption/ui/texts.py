"""Every word of the pages, in Chinese and English: ``texts/<page>.yaml``."""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = get_args(Lang)
FOLDER = Path(__file__).parent / "texts"


class _Texts(string.Formatter):
    """Fills texts; ``{n:row|rows}`` is the first for one, else the second."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        one, several, many = format_spec.partition("|")
        return (one if str(value) == "1" else many) if several else super().format_field(value, format_spec)


_FILLED = _Texts()


class TextError(LookupError):
    """A text that the catalogue does not hold, or not with these values."""


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return key → language → text.

    Raises:
        TextError: an entry lacks a language or has one too many.
    """
    import yaml

    found: dict[str, Mapping[str, str]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for key, entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if not isinstance(entry, dict) or set(entry) != set(LANGS):
                raise TextError(f"{path.name}: {key}: expected a text in each of {', '.join(LANGS)}")
            found[f"{path.stem}.{key}"] = {lang: str(text) for lang, text in entry.items()}
    return found


def text(lang: Lang, key: str, **values: object) -> str:
    """Return a text with its values filled in.

    Raises:
        TextError: no such text, or a value that it names is not given.
    """
    try:
        return _FILLED.vformat(catalogue()[key][lang], (), values)
    except KeyError as error:
        raise TextError(f"{key}: expected an entry in ui/texts that these values fill; missing {error}") from None


def has(key: str) -> bool:
    """Whether the catalogue holds a text."""
    return key in catalogue()


def as_lang(value: str | None) -> Lang | None:
    """Return the language if it is one of ours."""
    return value if value in LANGS else None
