"""Re-key: another master key, with every token and every sealed file carried over to it.

The vault says which identity an old token stands for, so the new token of each can be made. Lake, warehouse, landing
zone and vault are carried over in this order, the vault last: as long as it is there, a run that was killed is simply
begun again, and what is done already is left alone. Nothing else may run meanwhile.

A token that the vault does not know (its identity is past its retention) cannot be carried over: under the new key the
same person would be another. Re-keying therefore stops before it changes anything, unless it is told to drop them: a
column that may be blank is emptied, a row that is nothing without its token is deleted.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from resumption import ops
from resumption.rekey import lakes, marts, seals
from resumption.rekey.tokens import RekeyError, Report, TokenMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

__all__ = ["RekeyError", "Report", "TokenMap", "rekey"]


def rekey(old: bytes, new: bytes, *, drop_unknown: bool = False, tell: Callable[[str], None] = _log.info) -> Report:
    """Carry everything over from the master key ``old`` to ``new``; may be repeated and ended by a second run.

    Args:
        drop_unknown: empty or delete what stands for no identity the vault knows, instead of stopping.
        tell: takes a line of progress.

    Raises:
        RekeyError: both keys are the same, another re-key runs, tokens are unknown to the vault, or at the end an old
            token was still found.
    """
    if old == new:
        raise RekeyError("re-key: expected two different keys, got the same twice")
    report = Report()
    with _alone():
        tokens = TokenMap.from_vault(old, new)
        tell(f"vault: {tokens.size} identities")
        report.identities = tokens.size
        _require_known(tokens, report, drop_unknown)
        lakes.carry_over(tokens, report, tell)
        marts.carry_over(tokens, report, tell)
        seals.carry_over(tokens, report, tell)
        left = lakes.old_tokens_left(tokens) + marts.old_tokens_left(tokens) + seals.files_left(tokens)
    if left:
        raise RekeyError(f"re-key: at the end the old key was still found: {'; '.join(left)}. Run it once more")
    return report


def _require_known(tokens: TokenMap, report: Report, drop_unknown: bool) -> None:
    unknown = lakes.unknown(tokens) | marts.unknown(tokens)
    if unknown and not drop_unknown:
        places = ", ".join(f"{place} {count}" for place, count in sorted(unknown.items()))
        raise RekeyError(
            f"re-key: the vault does not know the identities of some tokens ({places}). Nothing was changed. Either "
            "replay their deliveries from the landing zone, so that the vault learns them, or give them up with "
            "--drop-unknown: blank where a blank may be, else the row goes"
        )
    report.unknown = dict(unknown)


@contextmanager
def _alone() -> Iterator[None]:
    with ops.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        if not conn.execute(sa.select(sa.func.pg_try_advisory_lock(sa.func.hashtext("rekey")))).scalar_one():
            raise RekeyError("re-key: another one runs on this warehouse; wait for it")
        yield
