"""What a conform rule answers for one value as sent."""

from __future__ import annotations

from typing import Any, NamedTuple

from resumption.contracts.reasons import RowReason


class Conformed(NamedTuple):
    """A value for the lake. ``mark`` says that it was repaired (``prefix``) or lost (``invalid``)."""

    value: Any
    mark: str | None = None


class Refused(NamedTuple):
    """A value that cannot be taken; ``reason`` goes to quarantine where the contract says so."""

    reason: RowReason


Answer = Conformed | Refused

BLANK = Conformed(None)
