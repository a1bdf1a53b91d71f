"""The vault: which identity a token stands for, and nothing else.

``<vault>/<feed>/<delivery_id>`` is one sealed block: the distinct identities that became tokens in that delivery, as
Arrow with the columns ``kind``, ``token`` and ``value``. A token is the HMAC of ``kind:value``. A delivery's block is
replaced and forgotten as a whole. What is in it is never logged, and every look behind a token is recorded.
"""

from __future__ import annotations

import binascii
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resumption import ops, settings, storage
from resumption.contracts.lake_schema import IDENTITIES
from resumption.sealing import Sealer, ZoneKey, read

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract
    from resumption.ops import DeliveryRow
    from resumption.storage import Place

_DIGITS = 64
_TOKEN = pa.binary(_DIGITS // 2)
_STORED = pa.schema([("kind", pa.dictionary(pa.int8(), pa.string())), ("token", _TOKEN), ("value", pa.string())])


def zone_key(master: bytes | None = None) -> ZoneKey:
    """Return the key that seals the vault, by default under the master key of the settings."""
    return ZoneKey(master or settings.token_key(), "vault")


def keep(contract: FeedContract, delivery: DeliveryRow, identities: pa.Table, *, add: bool = False) -> None:
    """Make ``identities`` what the vault knows from a delivery. To be called before its tokens are published.

    Args:
        identities: distinct rows in ``IDENTITIES``; none leaves no block.
        add: keep what is known from the delivery too, as when only some of its rows are judged again.

    Raises:
        ValueError: a token is not 64 hexadecimal digits.
    """
    place = settings.vault_path() / contract.name / delivery.delivery_id
    if add and place.exists():
        both = pa.concat_tables([read_block(place, zone_key()), identities.select(IDENTITIES.names).cast(IDENTITIES)])
        identities = both.group_by(IDENTITIES.names).aggregate([])
    if identities.num_rows:
        write_block(place, identities, zone_key())
    else:
        place.unlink(missing_ok=True)


def forget(delivery: DeliveryRow) -> None:
    """Delete what the vault knows from a delivery."""
    (settings.vault_path() / delivery.feed / delivery.delivery_id).unlink(missing_ok=True)


def identities(tokens: Collection[str], *, purpose: str, by: str) -> pa.Table:
    """Return what the vault knows of ``tokens``, in ``IDENTITIES``; it is recorded in ``ops.access_log`` before.

    Args:
        purpose: what for, in words an auditor understands.
        by: who asks.

    Raises:
        ValueError: purpose or who asks is blank; a token is not 64 hexadecimal digits.
    """
    wanted = _to_bytes(pa.array(sorted(set(tokens)), pa.string()))
    key = zone_key()
    found = [rows.filter(pc.is_in(rows["token"], wanted)) for rows in (_stored(path, key) for path in blocks())]
    known = pa.concat_tables([_STORED.empty_table(), *found]).unify_dictionaries()
    known = known.group_by(_STORED.names).aggregate([])
    with ops.engine().begin() as conn:
        ops.record_access(conn, "vault", by=by, purpose=purpose, asked=len(wanted), found=known.num_rows)
    return _shown(known)


def blocks() -> list[Place]:
    """Return the files of all blocks, sorted."""
    return sorted((path for path in settings.vault_path().glob("*/*") if not path.name.startswith(".")), key=str)


def read_block(path: Place, key: ZoneKey) -> pa.Table:
    """Return the identities of a block, in ``IDENTITIES``.

    Raises:
        SealError: it is sealed with another key, or was changed.
    """
    return _shown(_stored(path, key))


def write_block(path: Place, rows: pa.Table, key: ZoneKey) -> None:
    """Seal identities in ``IDENTITIES`` into a block; it is there as a whole or not at all."""
    kind = rows["kind"].combine_chunks().cast(_STORED.field("kind").type)
    stored = pa.Table.from_arrays([kind, _to_bytes(rows["token"]), rows["value"].cast(pa.string())], schema=_STORED)
    packed = pa.BufferOutputStream()
    with pa.ipc.new_stream(packed, _STORED, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(stored)
    with storage.drafted(path, 0o600) as file:
        sealer = Sealer(file, key, _context(path))
        sealer.write(packed.getvalue())
        sealer.finish()


def _stored(path: Place, key: ZoneKey) -> pa.Table:
    with pa.ipc.open_stream(read(path, key, _context(path))) as stream:
        return stream.read_all()


def _context(path: Place) -> str:
    """What a block is sealed for: in another delivery's place it does not open."""
    return f"{path.parent.name}/{path.name}"


def _to_bytes(tokens: pa.ChunkedArray | pa.StringArray) -> pa.FixedSizeBinaryArray:
    """Return tokens as 32 bytes each, half the size."""
    digits = tokens.combine_chunks() if isinstance(tokens, pa.ChunkedArray) else tokens
    if not len(digits):
        return pa.array([], _TOKEN)
    lengths = pc.min_max(pc.binary_length(digits)).as_py()
    try:
        if digits.null_count or lengths != {"min": _DIGITS, "max": _DIGITS}:
            raise ValueError
        start = digits.offset * _DIGITS
        text = digits.cast(pa.string()).buffers()[2].slice(start, len(digits) * _DIGITS)
        data = binascii.unhexlify(memoryview(text))
    except ValueError:
        raise ValueError(f"tokens: expected {_DIGITS} hexadecimal digits each, some are not") from None
    return pa.FixedSizeBinaryArray.from_buffers(_TOKEN, len(digits), [None, pa.py_buffer(data)])


def _shown(stored: pa.Table) -> pa.Table:
    """Return stored rows in ``IDENTITIES``."""
    digits = b"".join(map(binascii.hexlify, stored["token"].to_pylist()))
    ends = np.arange(stored.num_rows + 1, dtype=np.int32) * _DIGITS
    tokens = pa.StringArray.from_buffers(stored.num_rows, pa.py_buffer(ends), pa.py_buffer(digits))
    return pa.Table.from_arrays([stored["kind"].cast(pa.string()), tokens, stored["value"]], schema=IDENTITIES)
