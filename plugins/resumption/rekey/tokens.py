"""Old token → new token, from the identities in the vault."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from resumption import ops, vault
from resumption.conform.identity import tokeniser
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
        made: dict[str, str] = {}
        for path in vault.blocks():
            master = new if is_sealed_with(path, vault.zone_key(new)) else old
            block = vault.read_block(path, vault.zone_key(master))
            for kind in block["kind"].unique().to_pylist():
                rows = block.filter(pc.equal(block["kind"], kind))
                values = rows["value"].to_pylist()
                tokens = {key: list(map(tokeniser(key, f"{kind}:"), values)) for key in (old, new)}
                if tokens[master] != rows["token"].to_pylist():
                    raise RekeyError(
                        f"re-key: block {path.name} of {path.parent.name}: expected tokens of `{kind}:` and the value "
                        "under its own key, some are not; restore the block, or replay its delivery"
                    )
                made.update(zip(tokens[old], tokens[new], strict=True))
        with ops.engine().begin() as conn:
            ops.record_access(conn, "vault", by="rekey", purpose="re-key", asked=len(made), found=len(made))
        return cls(old, new, pa.array(made.keys(), pa.string()), pa.array(made.values(), pa.string()))

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
