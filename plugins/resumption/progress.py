"""Long work says in the log how far it is."""

from __future__ import annotations

import logging
import time

EVERY_SECONDS = 10.0


class Progress:
    """Lines of a log that tell how far something is, never more than one in ``EVERY_SECONDS``; short work has none."""

    def __init__(self, log: logging.Logger) -> None:
        self._log, self._told = log, time.monotonic()

    def tell(self, line: str, *values: object) -> None:
        """Log a line unless the last one is too recent."""
        if time.monotonic() - self._told >= EVERY_SECONDS:
            self._told = time.monotonic()
            self._log.info(line, *values)
