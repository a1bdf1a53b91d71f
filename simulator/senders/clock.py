"""The senders' clock: what is out by now."""

from datetime import datetime, timedelta

from simulator.calendar import SHANGHAI, at


class Clock:
    """A moment that stands still until it is set, so that a run of 2020 does not depend on today."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def set(self, now: datetime) -> None:
        """Move the clock; a moment without a zone is taken as Shanghai time."""
        self._now = now.astimezone(SHANGHAI) if now.tzinfo else now.replace(tzinfo=SHANGHAI)

    @property
    def now(self) -> datetime:
        """The moment."""
        return self._now

    @property
    def minute(self) -> int:
        """Minutes since 2020-01-01 00:00 Shanghai time."""
        return minute_of(self._now)

    @property
    def day(self) -> int:
        """Day number of the moment."""
        return self.minute // 1_440


def minute_of(moment: datetime) -> int:
    """Return minutes since 2020-01-01 00:00 Shanghai time."""
    return int((moment - at(0)) // timedelta(minutes=1))


def moment_of(minute: int) -> datetime:
    """Return the moment of a minute number."""
    return at(0) + timedelta(minutes=minute)
