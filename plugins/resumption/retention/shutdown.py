"""Shutdown: all purposes end, what was taken in for them is destroyed, and it is proved that nothing is left.

Aggregates and tables on enterprises stay; so do ``ops``' accounts, without the payloads of refused rows. It may be
killed and run again. From its first step on landing refuses every feed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from resumption import ops, settings, storage
from resumption.contracts import load_table, table_names
from resumption.ops import ProofRow
from resumption.retention.holds import Hold, load_holds
from resumption.retention.run import RetentionError
from resumption.warehouse import mart_table

if TYPE_CHECKING:
    from resumption.storage import Place

CONFIRMATION = "end all purposes"
PROOF_FILE = "shutdown-proof.json"


class ShutdownError(RuntimeError):
    """The shutdown was not begun; nothing was changed. The message says what to do."""


def shut_down(
    confirmation: str,
    *,
    by: str,
    run_id: str,
    copies: Sequence[Path] = (),
    key_files: Sequence[Path] = (),
    holds: Sequence[Hold] | None = None,
    tell: Callable[[str], None] = print,
) -> list[ProofRow]:
    """End all purposes and destroy what was taken in for them; return the proofs, which also lie in ``PROOF_FILE``.

    Args:
        confirmation: must be ``CONFIRMATION``.
        by: who orders it.
        run_id: what the proofs are known by.
        copies: files and folders of the run folder that may hold copies.
        key_files: files that hold the master key; they go last, when all else is proved.
        holds: legal holds, by default those declared.
        tell: takes a line of progress.

    Raises:
        ShutdownError: not confirmed, or a legal hold is in force.
        RetentionError: something is left; the proofs say where, and the key was not destroyed.
    """
    if confirmation != CONFIRMATION:
        raise ShutdownError(f"nothing was changed: to destroy all personal data, confirm with {CONFIRMATION!r}")
    today = datetime.now(UTC).date()
    held = [hold.reference for hold in (load_holds() if holds is None else holds) if hold.until >= today]
    if held:
        raise ShutdownError(f"nothing was changed: legal holds are in force: {', '.join(held)}")
    maker = _Maker(today, by, run_id)
    with ops.engine().begin() as conn:
        if not ops.purposes_ended(conn):
            ops.record_proof(conn, maker.proof("purpose", "all feeds"))
    tell("all purposes have ended: no feed is landed any more")
    with ops.holding_alone():
        proofs = [_destroyed(maker, what, places, tell) for what, places in _zones(copies)]
        proofs += _emptied(maker, tell)
    if not any(proof.remaining for proof in proofs):
        proofs.append(_destroyed(maker, ("key", "token key"), key_files, tell))
    _write_down(proofs)
    remaining = [f"{proof.place} {proof.subject} {proof.remaining}" for proof in proofs if proof.remaining]
    if remaining:
        raise RetentionError(f"shutdown: still there: {', '.join(remaining)}. Mend it and run it again")
    return proofs


def _zones(copies: Sequence[Path]) -> list[tuple[tuple[str, str], Sequence[Place]]]:
    """Return what is destroyed file by file, in this order."""
    return [
        (("landing", "all feeds"), [settings.landing_path(), settings.home() / "landing"]),
        (("lake", "all feeds"), [storage.place(settings.lake_url())]),
        (("vault", "all feeds"), [settings.vault_path()]),
        (("run folder", "copies"), copies),
    ]


class _Maker:
    """Makes proofs that say who made them."""

    def __init__(self, today: date, by: str, run_id: str) -> None:
        self._today, self._by, self._run_id = today, by, run_id

    def proof(
        self, place: str, subject: str, deleted: int = 0, looked_at: int = 0, left: Sequence[str] = ()
    ) -> ProofRow:
        digest = hashlib.sha256("\n".join(sorted(left)).encode()).hexdigest()
        return ProofRow(
            act="shutdown", as_of=self._today, place=place, subject=subject, deleted=deleted, looked_at=looked_at,
            remaining=len(left), files_hash=digest, made_by=self._by, run_id=self._run_id,
        )  # fmt: skip


def _destroyed(maker: _Maker, what: tuple[str, str], places: Iterable[Place], tell: Callable[[str], None]) -> ProofRow:
    """Delete all files below some places, list them again, and write the proof."""
    places = list(dict.fromkeys(places))
    before = [file for place in places for file in storage.files_below(place)]
    for place in places:
        storage.remove(place)
    left = [str(file) for place in places for file in storage.files_below(place)]
    proof = maker.proof(*what, deleted=len(before) - len(left), looked_at=len(before), left=left)
    with ops.engine().begin() as conn:
        ops.record_proof(conn, proof)
    tell(f"{what[0]}: {proof.deleted} files deleted, {proof.remaining} left")
    return proof


def _emptied(maker: _Maker, tell: Callable[[str], None]) -> Iterator[ProofRow]:
    """Empty the tables of persons and the payloads of refused rows, in one transaction with the proofs."""
    with ops.engine().begin() as conn:
        proofs = []
        for name in table_names():
            if load_table(name).retention:
                table = mart_table(load_table(name))
                gone = conn.execute(table.delete()).rowcount
                left = conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                proofs.append(maker.proof("mart", name, gone, gone, ["a row"] * left))
        refused = ops.quarantine_row
        there = refused.c.payload.is_not(None)
        gone = conn.execute(refused.update().where(there).values(payload=sa.null())).rowcount
        left = conn.execute(sa.select(sa.func.count()).where(there)).scalar_one()
        proofs.append(maker.proof("ops", "quarantine_row", gone, gone, ["a payload"] * left))
        conn.execute(ops.feed_delivery.update().values(landing_uri=None))
        for proof in proofs:
            ops.record_proof(conn, proof)
            tell(f"{proof.place}.{proof.subject}: {proof.deleted} rows deleted, {proof.remaining} left")
    with ops.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        for proof in proofs:
            conn.exec_driver_sql(f'vacuum full "{proof.place}"."{proof.subject}"')
    yield from proofs


def _write_down(proofs: Sequence[ProofRow]) -> None:
    """Write the proofs beside the run folder's other files, where people who have no warehouse find them."""
    text = json.dumps([asdict(proof) for proof in proofs], ensure_ascii=False, indent=1, default=str)
    with storage.drafted(settings.home() / PROOF_FILE, 0o600) as file:
        file.write(text.encode())
