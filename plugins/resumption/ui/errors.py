"""What a page says when it cannot show what was asked for."""

from __future__ import annotations


class PageError(Exception):
    """Shown as a page: its HTTP status and a text of the catalogue with its values, which are never personal."""

    def __init__(self, status: int, key: str, **values: object) -> None:
        super().__init__(f"{status} {key}")
        self.status = status
        self.key = key
        self.values = values
