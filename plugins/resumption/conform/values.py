"""What a conform rule is asked about, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from resumption.contracts.reasons import RowReason

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Conformed(NamedTuple):
    """A value for the lake. ``mark`` says that it was repaired (``prefix``) or lost (``invalid``)."""

    value: Any
    mark: str | None = None


class Refused(NamedTuple):
    """A value that cannot be taken; ``reason`` goes to quarantine where the contract says so."""

    reason: RowReason


Answer = Conformed | Refused

BLANK = Conformed(None)


@dataclass(frozen=True)
class Distinct:
    """Distinct values as sent, or distinct pairs of a value and what another column holds beside it."""

    values: pa.StringArray
    companions: pa.StringArray | None = None

    def take(self, positions: NDArray[np.int64]) -> Distinct:
        """Return some of them."""
        import pyarrow as pa

        where = pa.array(positions)
        return Distinct(self.values.take(where), self.companions.take(where) if self.companions else None)

    def pairs(self) -> Iterator[tuple[str | None, str | None]]:
        """Return value and companion, one pair after the other."""
        companions = self.companions.to_pylist() if self.companions else [None] * len(self.values)
        return zip(self.values.to_pylist(), companions, strict=True)
