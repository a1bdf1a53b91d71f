"""A district of two days that was taken in and built once; each test has a copy of it to destroy."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resumption import ops, pipeline, settings
from resumption.consolidate import building
from resumption.models import runner
from resumption.models.loader import load_models
from resumption.pipeline import receiving
from resumption.warehouse import create_all
from tests.proofs.district import DAYS, deliveries, desk
from tests.proofs.outcome import consolidate_day, everything

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def district(warehouse: sa.Engine, warehouse_url: str) -> Iterator[str]:
    """Take everything in; the URL of the database."""
    create_all(warehouse)
    with pytest.MonkeyPatch.context() as patch:
        for module in (runner, building):
            patch.setattr(module, "load_models", cache(load_models))
        patch.setattr(receiving, "open_source", lambda contract: desk(deliveries(), contract))
        for feed in dict.fromkeys(one.offer.feed for one in deliveries()):
            for day in DAYS:
                pipeline.land(feed, day, "test")
                pipeline.publish(feed, day, "test")
        for day in DAYS:
            consolidate_day(day)
        yield warehouse_url


@pytest.fixture
def fresh(district: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Point the settings at a copy of the district; calling it makes another copy."""
    home, server = Path(os.environ["RESUMPTION_HOME"]), sa.make_url(district).set(database="postgres")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    made: list[str] = []

    def copy() -> None:
        name = f"copy_{next(_NUMBERS)}"
        made.append(name)
        with engine.connect() as conn:
            conn.execute(sa.text(f"create database {name} template {sa.make_url(district).database}"))
        shutil.copytree(home, tmp_path / name)
        monkeypatch.setenv("RESUMPTION_HOME", str(tmp_path / name))
        monkeypatch.setenv("WAREHOUSE_URL", sa.make_url(district).set(database=name).render_as_string(False))
        moved = sa.func.replace(ops.feed_delivery.c.landing_uri, home.as_uri(), (tmp_path / name).as_uri())
        with ops.engine().begin() as conn:
            conn.execute(ops.feed_delivery.update().values(landing_uri=moved))

    copy()
    yield copy
    with engine.connect() as conn:
        for name in made:
            conn.execute(sa.text(f"drop database {name} with (force)"))


def files(zone: str) -> list[str]:
    """Names of all files in a folder of the run folder."""
    return sorted(path.name for path in (settings.home() / zone).rglob("*") if path.is_file())


def proofs() -> list[dict[str, Any]]:
    """Every proof without its number, run, time and the hash of names that are drawn at random."""
    with ops.engine().connect() as conn:
        rows = conn.execute(sa.select(ops.retention_proof).order_by(ops.retention_proof.c.proof_id)).mappings()
        apart = ("proof_id", "run_id", "made_at", "files_hash")
        return [{name: value for name, value in row.items() if name not in apart} for row in rows]


def state() -> dict[str, Any]:
    """All that is left, and what is proved."""
    return {**everything(), "landing": files("landing"), "proofs": proofs()}


def rows_of(proved: list[Any], place: str) -> dict[str, int]:
    """Subject → deleted, where anything was."""
    rows = [one if isinstance(one, dict) else asdict(one) for one in proved]
    return {row["subject"]: row["deleted"] for row in rows if row["place"] == place and row["deleted"]}


def count(query: str) -> int:
    """The figure that a query gives."""
    with ops.engine().connect() as conn:
        found: int = conn.execute(sa.text(query)).scalar_one()
        return found
