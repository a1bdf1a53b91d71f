"""What a run leaves behind, without what may differ: who ran it and when."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa

from resumption import consolidate, lake, ops, pipeline, vault
from resumption.contracts import feed_names, load_feed, table_names
from tests.pipeline.sender import forget

Rows = dict[str, list[str]]
_PART = re.compile(r"_1[12](?=\.)")
_PLACE = ("delivery_id", "delivery_name", "row_number")


@contextmanager
def nothing_yet(warehouse: sa.Engine) -> Iterator[Path]:
    """Start from an empty warehouse, lake, landing zone and vault."""
    forget(warehouse)
    with warehouse.begin() as conn:
        conn.execute(sa.text(f"truncate {', '.join(f'mart.{name}' for name in table_names())}"))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESUMPTION_HOME", folder)
        yield Path(folder)


def tables(*, split: bool = False) -> Rows:
    """Every row without what tells one build from another; where files were split, without the places it rests on."""
    row = "to_jsonb(t) - 'run_id' - 'built_at'" + (" - 'inputs'" if split else "")
    query = f"select ({row})::text from mart.{{}} as t order by 1"
    with ops.engine().connect() as conn:
        return {name: list(conn.execute(sa.text(query.format(name))).scalars()) for name in table_names()}


def lake_rows(*, split: bool = False) -> Rows:
    """Every row of the lake without when it was received; where files were split, without its place in them."""
    left_out = ["received_at", *(_PLACE if split else ())]
    found = {}
    for feed in feed_names():
        rows: list[str] = []
        for day in lake.delivered_dates(feed):
            rows += map(repr, lake.read_batch(load_feed(feed), day).drop_columns(left_out).to_pylist())
        found[feed] = sorted(rows)
    return found


def accounts() -> dict[tuple[str, ...], list[int]]:
    """Outcome and counts of every delivery, a split one as a whole; repeats bring nothing and are left out."""
    query = sa.text(
        "select feed, business_date, name, published_at, outcome, rows_received, rows_accepted, rows_quarantined,"
        " rows_ignored from ops.feed_delivery where outcome <> 'repeat'"
    )
    found: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    with ops.engine().connect() as conn:
        for feed, day, name, at, outcome, *counts in conn.execute(query).tuples():
            key = (feed, f"{day} {at.isoformat()}", _PART.sub("", name), outcome)
            found[key] = [total + (count or 0) for total, count in zip(found[key], counts, strict=True)]
    return dict(found)


def refused(*, split: bool = False) -> list[Any]:
    """Every row in quarantine, with its reasons and its masked payload."""
    place = "'', 0" if split else "delivery_id, row_number"
    query = f"select feed, business_date::text, {place}, stage, state, reasons, payload::text from ops.quarantine_row"
    with ops.engine().connect() as conn:
        return sorted(map(repr, conn.execute(sa.text(query)).tuples()))


def identities() -> set[tuple[Any, ...]]:
    """What the vault knows."""
    key = vault.zone_key()
    return {
        (path.parent.name, *row.values()) for path in vault.blocks() for row in vault.read_block(path, key).to_pylist()
    }


def everything(*, split: bool = False) -> dict[str, Any]:
    """All that must be the same."""
    return {
        "tables": tables(split=split), "lake": lake_rows(split=split), "accounts": accounts(),
        "refused": refused(split=split), "vault": identities(),
    }  # fmt: skip


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Say in a few lines what is not the same."""
    return [
        f"{part} {key}: {_only(mine, yours)} instead of {_only(yours, mine)}"
        for part in expected
        for key, mine, yours in _pairs(found[part], expected[part])
        if mine != yours
    ]


def _pairs(found: Any, expected: Any) -> Iterator[tuple[Any, Any, Any]]:
    if not isinstance(expected, dict):
        yield "", found, expected
        return
    for key in sorted(found.keys() | expected.keys(), key=str):
        yield key, found.get(key, []), expected.get(key, [])


def _only(these: Any, others: Any) -> Any:
    return (
        [one for one in these if one not in others][:2] or these
        if len(these) < 5
        else [one for one in these if one not in others][:2]
    )


def consolidate_day(day: Any) -> None:
    """Do for a day what the DAG `consolidated` does."""
    consolidate.judge_freshness(day)
    consolidate.resolve(day)
    consolidate.build(day, "proof")


def take_in(feed: str, day: Any) -> None:
    """Do for a feed and a day what its DAG does."""
    pipeline.land(feed, day, "proof")
    pipeline.publish(feed, day, "proof")
