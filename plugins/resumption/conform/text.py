"""Text as people and spreadsheets type it, brought to one form."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Protocol

from resumption.conform.values import Answer, Conformed

if TYPE_CHECKING:
    import pyarrow as pa

_SPACES = re.compile(r"\s+")
_PUNCTUATION = re.compile(r"[\s·•.,，。、:：;；'\"“”‘’\-_—~&*/\\]+")
_SLIP = ("覆工", "复工")
"""復工 as a converter once wrote it; OpenCC rightly leaves 覆, a word of its own, alone."""
_BRACKETS = str.maketrans("〔【[{〈《〕】]}〉》", "(((((())))))")


def fold(text: str) -> str:
    """Return ``text`` in NFKC (full-width letters and digits become ordinary ones), without outer blanks."""
    return unicodedata.normalize("NFKC", text).strip()


def squeeze(text: str) -> str:
    """Return ``text`` in NFKC without any blanks."""
    return _SPACES.sub("", fold(text))


def plain_text(text: str) -> Answer:
    """Text kept as sent, but folded."""
    return Conformed(fold(text))


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@cache
def _traditional_to_simplified() -> _Converter:
    from opencc import OpenCC

    converter: _Converter = OpenCC("t2s")
    return converter


def simplified(text: str) -> str:
    """Return ``text`` in simplified script."""
    return _traditional_to_simplified().convert(text).replace(*_SLIP)


def simplified_all(texts: list[str]) -> list[str]:
    """Return each of ``texts`` in simplified script, by one call: most of the converter's time is the call."""
    return simplified("\n".join(texts)).split("\n") if texts else []


def normalise_name(name: str) -> str:
    """Return the form of an enterprise's name by which two spellings are compared.

    NFKC, simplified script, no blanks or punctuation, one kind of bracket, and 有限责任公司 read as 有限公司, which
    the Company Law uses for the same form. A branch (分公司) keeps its suffix and so never equals its parent.
    """
    return _comparable(simplified(fold(name)))


def _comparable(name: str) -> str:
    return _PUNCTUATION.sub("", name.translate(_BRACKETS).upper()).replace("有限责任公司", "有限公司")


def both_names(name: str) -> Answer:
    """A name as sent but folded, and the form by which two spellings are compared."""
    return Conformed((fold(name), normalise_name(name)))


def all_names(names: pa.StringArray) -> tuple[pa.BooleanArray, list[pa.Array]]:
    """Return which names are not blank and of one line, and what ``both_names`` says of each."""
    import pyarrow as pa

    folded = [fold(name or "") for name in names.to_pylist()]
    plain = [bool(name) and "\n" not in name for name in folded]
    forms = simplified_all([name if ok else "" for name, ok in zip(folded, plain, strict=True)])
    return pa.array(plain, pa.bool_()), [
        pa.array(folded, pa.string()),
        pa.array(map(_comparable, forms), pa.string()),
    ]
