"""Words for what the pipeline writes down as codes: feeds, states, reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resumption.contracts import feed_names, load_feed
from resumption.contracts.reasons import FileReason, RowReason
from resumption.ui import texts
from resumption.ui.texts import Lang

_REASONS = {code.value: code for code in [*RowReason, *FileReason]}


@dataclass(frozen=True)
class Words:
    """The words of one language; a code that the catalogue does not know is shown as it is."""

    lang: Lang

    def feed(self, name: str) -> str:
        """Name of a feed."""
        key = f"feeds.{name}"
        if texts.has(key):
            return texts.text(self.lang, key)
        return load_feed(name).title if name in feed_names() else name

    def word(self, kind: str, value: object) -> str:
        """Word for a value of a kind, such as ``freshness`` and ``late``."""
        key = f"words.{kind}.{value}"
        return texts.text(self.lang, key) if texts.has(key) else str(value)

    def reason(self, code: str) -> str:
        """Meaning of a reason code."""
        known = _REASONS.get(code)
        return known.meaning(self.lang) if known else code

    def refusal(self, told: str) -> tuple[str, str, str]:
        """Code, meaning and detail of the reason that a delivery was rejected for, ``CODE: detail``."""
        code, _, detail = told.partition(":")
        return code, self.reason(code), detail.strip()

    def reasons(self, codes: Sequence[str]) -> list[tuple[str, str]]:
        """Codes with their meanings."""
        return [(code, self.reason(code)) for code in codes]
