"""The lake's part of a re-key: date by date, each rewritten in one commit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from resumption import lake
from resumption.contracts import FeedContract, feed_names, load_feed
from resumption.rekey.tokens import Report, TokenMap

if TYPE_CHECKING:
    from collections.abc import Callable


def _feeds() -> list[FeedContract]:
    """Return the contracts of all feeds with tokens."""
    contracts = [load_feed(name) for name in feed_names()]
    return [contract for contract in contracts if contract.token_columns()]


def unknown(tokens: TokenMap) -> Counter[str]:
    """Count the tokens of no identity, by column."""
    found: Counter[str] = Counter()
    for contract in _feeds():
        for day in lake.delivered_dates(contract.name):
            rows = lake.read_batch(contract, day)
            for name in contract.token_columns():
                found[f"lake {contract.name}.{name}"] += pc.sum(tokens.is_unknown(rows[name])).as_py() or 0
    return +found


def carry_over(tokens: TokenMap, report: Report, tell: Callable[[str], None]) -> None:
    """Rewrite every date that holds an old token, then delete the files that held them."""
    for contract in _feeds():
        place = f"lake {contract.name}"
        for day in lake.delivered_dates(contract.name):
            rows = lake.read_batch(contract, day)
            count = sum(pc.sum(tokens.is_old(rows[name])).as_py() or 0 for name in contract.token_columns())
            lost = any(pc.any(tokens.is_unknown(rows[name])).as_py() for name in contract.token_columns())
            if count or lost:
                lake.replace_batch(contract, day, _carried(contract, rows, tokens), {"note": "re-key"})
                report.tokens[place] += count
        lake.forget_history(contract.name)
        tell(f"{place}: {report.tokens[place]} tokens carried over")


def _carried(contract: FeedContract, rows: pa.Table, tokens: TokenMap) -> pa.Table:
    """Return rows under the new key; a row that may not be without a token it has lost is left out."""
    for name in contract.token_columns():
        at = rows.column_names.index(name)
        carried = tokens.carried(rows[name])
        keyed = next(column.keyed for column in contract.columns if column.name == name)
        lost = pc.and_(pc.is_null(carried), pc.is_valid(rows[name]))
        rows = rows.set_column(at, rows.schema.field(name), carried)
        if keyed:
            rows = rows.filter(pc.invert(lost))
    return rows


def old_tokens_left(tokens: TokenMap) -> list[str]:
    """Say which feeds still hold old tokens, in rows or in files of earlier versions."""
    left = []
    for contract in _feeds():
        batches = (lake.read_batch(contract, day) for day in lake.delivered_dates(contract.name))
        count = sum(
            pc.sum(tokens.is_old(rows[name])).as_py() or 0 for rows in batches for name in contract.token_columns()
        )
        files = lake.earlier_files(contract.name)
        if count or files:
            left.append(f"lake {contract.name}: {count} tokens, {len(files)} files of earlier versions")
    return left
