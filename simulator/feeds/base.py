"""What every feed says about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from simulator.district import District
from simulator.frame import Frame
from simulator.layout import Layout
from simulator.rowdefects import RowDefect


@dataclass(frozen=True)
class Slot:
    """One file of a day. `ready` is minutes after 00:00 of the business date; `name` holds {day} where the date
    stands.
    """

    key: int
    name: str
    ready: int
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of this file that differ from the layout's, as (column, header)."""


@dataclass(frozen=True)
class Feed:
    """A feed: who sends it, when, which layout, which rows."""

    name: str
    sender: str
    layout: Layout
    slots: tuple[Slot, ...]
    days: Callable[[District, int], list[int]]
    """Business dates (day numbers) up to a day, ascending."""
    build: Callable[[District, int], Frame]
    """Clean rows of a business date; the fact `slot` tells the file."""
    defects: tuple[RowDefect, ...] = ()
    key_column: str = ""
    """The required column that is missing when a sender forgets one."""
    alias: tuple[str, str] = ("", "")
    """(column, header that the sender uses instead now and then)."""
    duplicates: float = 0.002
    history: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    """Last day of each history file: (first day, month in its name); they come once, on the first day."""
    history_types: Mapping[str, pa.DataType] = field(default_factory=dict)
    """Types of a history file's columns, text for others, in a file too large to hold: it is written day by day."""
    fixed_names: bool = False
    """Whether a file's name says whose list it is, so that no second file of a day can exist."""
    retracts: bool = False
    """Whether rows whose fact `retracted` is set are taken back the next day, in a file whose name ends in _undo."""

    def layout_of(self, slot: int) -> Layout:
        """Return the layout of one of a day's files."""
        headers = next((each.headers for each in self.slots if each.key == slot), ())
        return replace(self.layout, headers=headers) if headers else self.layout

    @property
    def dropped(self) -> bool:
        """Tell whether files arrive by SFTP (a folder a day), rather than by the export listing."""
        return self.sender != "module"


def daily(district: District, through: int) -> list[int]:
    """Return every day from the start."""
    return list(range(district.first_day, through + 1))
