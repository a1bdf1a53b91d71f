"""Old token → new token, from the identities in the vault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from resumption import ops, vault
from resumption.conform.tokens import tokenise
from resumption.sealing import is_sealed_with


class RekeyError(RuntimeError):
    """Re-keying did not start, or did not come to its end; the message says what to do. It shows no token."""


@dataclass
class Report:
    """What a re-key did: identities known, tokens carried over and dropped by place, files sealed anew by zone.

    ``unknown`` are the tokens dropped because the vault did not know them.
    """

    identities: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, int] = field(default_factory=dict)
    files: Counter[str] = field(default_factory=Counter)


def by_kind(identities: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield (kind, rows) of identities of the vault."""
    for kind in identities["kind"].unique().to_pylist():
        yield kind, identities.filter(pc.equal(identities["kind"], kind)).combine_chunks()


def under(identities: pa.Table, key: bytes) -> pa.Table:
    """Return identities of the vault, kind by kind, with their tokens under ``key``."""
    place, field = identities.column_names.index("token"), identities.schema.field("token")
    made = [
        rows.set_column(place, field, tokenise(rows["value"].combine_chunks(), key, kind))
        for kind, rows in by_kind(identities)
    ]
    return pa.concat_tables([identities.schema.empty_table(), *made])


@dataclass(frozen=True)
class TokenMap:
    """Two master keys and the tokens of every identity under both.

    Attributes:
        before, after: tokens under the old and the new key, of the same identity at the same place.
    """

    old: bytes
    new: bytes
    before: pa.StringArray
    after: pa.StringArray

    @classmethod
    def from_vault(cls, old: bytes, new: bytes) -> TokenMap:
        """Read the whole vault, whose blocks may be sealed with either key; the look is recorded.

        Raises:
            SealError: a block is sealed with neither.
            RekeyError: a token is not that of the identity beside it.
        """
        pairs = [pa.table({"before": pa.array([], pa.string()), "after": pa.array([], pa.string())})]
        for path in vault.blocks():
            master = new if is_sealed_with(path, vault.zone_key(new)) else old
            block = vault.read_block(path, vault.zone_key(master))
            for kind, rows in by_kind(block):
                values = rows["value"].combine_chunks()
                pair = pa.table({"before": tokenise(values, old, kind), "after": tokenise(values, new, kind)})
                if pair["after" if master == new else "before"] != rows["token"]:
                    raise RekeyError(
                        f"re-key: block {path.name} of {path.parent.name}: expected each token to be that of its kind "
                        "and value, some are not; replay the delivery, so that the block is made anew"
                    )
                pairs.append(pair)
        made = pa.concat_tables(pairs).group_by(["before", "after"]).aggregate([]).combine_chunks()
        with ops.engine().begin() as conn:
            ops.record_access(conn, "vault", by="rekey", purpose="re-key", asked=len(made), found=len(made))
        return cls(old, new, made["before"].combine_chunks(), made["after"].combine_chunks())

    @property
    def size(self) -> int:
        """How many identities there are."""
        return len(self.before)

    @cached_property
    def _known(self) -> pa.Array:
        return pa.concat_arrays([self.before, self.after])

    def is_old(self, tokens: pa.ChunkedArray) -> pa.ChunkedArray:
        """Tell of each token whether it is one under the old key."""
        return pc.is_in(tokens, self.before)

    def is_unknown(self, tokens: pa.ChunkedArray) -> pa.ChunkedArray:
        """Tell of each token whether it is one of no identity in the vault."""
        return pc.and_(pc.is_valid(tokens), pc.invert(pc.is_in(tokens, self._known)))

    def carried(self, tokens: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return tokens under the new key; those of no identity become null."""
        places = pc.index_in(tokens, self.before)
        stays = pc.or_(self.is_old(tokens), self.is_unknown(tokens))
        return pc.if_else(stays, pc.take(self.after, places), tokens)
