"""Look for personal data where none may be, after a run: `python -m runtime.leaks`, part of `make verify`.

Searched are the lake, the warehouse, Airflow's metadata (XCom, rendered templates, logs of actions) and every log file:
for mobile numbers, for identity numbers with a right check digit, and for the very names, addresses and numbers that
the landing zone and the vault hold. Those two are searched as they lie on disk, and each of their files must open as a
sealed one. What is found is counted and placed, never shown.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from runtime import postgres, sealed
from runtime.home import Home, RunError, say
from runtime.sealed import Known

PHONE = re.compile(r"(?<![0-9A-Za-z.])1[3-9]\d{9}(?![0-9A-Za-z])")
IDENTITY = re.compile(r"(?<![0-9A-Za-z.])\d{17}[0-9Xx](?![0-9A-Za-z])")
WORDS = re.compile(r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{2,4}(?![\u4e00-\u9fff])")
CELL = re.compile(r'[^\t\n",{}\[\]]{8,}')
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
NUMBER = re.compile(r"(?<![0-9A-Za-z.])[0-9A-Za-z]{8,20}(?![0-9A-Za-z])")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"
CHUNK = 1 << 22


@dataclass
class Report:
    """What was searched and what was found: (place, kind) → how often."""

    searched: Counter[str] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)


def is_identity_number(text: str) -> bool:
    """Whether 18 characters are a resident identity number: a real date of birth and the check digit of GB 11643."""
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return CHECK[sum(int(c) * w for c, w in zip(text, WEIGHTS, strict=False)) % 11] == text[17].upper()


def kinds(text: str, known: Known) -> Counter[str]:
    """Count what a text holds of each kind of personal data."""
    if "\\u" in text:  # JSON may spell Chinese in escapes
        text = ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    found = Counter[str]()
    found["phone"] = sum(1 for _ in PHONE.finditer(text))
    found["identity number"] = sum(is_identity_number(match[0]) for match in IDENTITY.finditer(text))
    found["name"] = sum(match[0] in known.names for match in WORDS.finditer(text))
    if known.numbers:
        found["number of a document or account"] = sum(match[0] in known.numbers for match in NUMBER.finditer(text))
    if known.addresses:
        found["address"] = sum(match[0].strip() in known.addresses for match in CELL.finditer(text))
    return +found


def _lines(path: Path) -> Iterator[str]:
    """A text file in pieces that end at a line's end."""
    with path.open(encoding="utf-8", errors="replace") as file:
        while piece := file.readlines(CHUNK):
            yield "".join(piece)


def _parquet_texts(path: Path) -> Iterator[str]:
    """Every distinct text and whole number of a Parquet file."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for column in pq.ParquetFile(path).read().columns:
        values = column
        if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            values = pc.list_flatten(values)
        if pa.types.is_integer(values.type) or pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            yield "\n".join(str(value) for value in pc.unique(values).to_pylist() if value is not None)


def _tables(url: str) -> Iterator[tuple[str, str]]:
    """(table, text) in pieces, of every table of a database."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
            " order by 1, 2"
        ).fetchall()
        for schema, table in tables:
            copy = sql.SQL("copy (select * from {}) to stdout").format(sql.Identifier(schema, table))
            with connection.cursor().copy(copy) as rows:
                for piece in _pieces(bytes(row) for row in rows):
                    yield f"{schema}.{table}", piece


def _pieces(rows: Iterable[bytes]) -> Iterator[str]:
    held: list[bytes] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row)
        if size > CHUNK:
            yield b"".join(held).decode()
            held, size = [], 0
    yield b"".join(held).decode()


def _texts(home: Home) -> Iterator[tuple[str, str, str]]:
    """(zone, place, text) of all that is searched."""
    lake = home.path / "lake"
    for path in sorted(p for p in lake.rglob("*") if p.is_file()):
        place = str(path.relative_to(lake))
        for text in _parquet_texts(path) if path.suffix == ".parquet" else _lines(path):
            yield "lake files", place, text
        yield "lake files", "names of files", place
    for path in sorted(p for p in home.logs.rglob("*") if p.is_file()):
        place = str(path.relative_to(home.path))
        for text in _lines(path):
            yield "log files", place, text
    for path in sealed.manifests(home):
        yield "landing manifests", path.name, path.read_text(encoding="utf-8")
    server = postgres.last_server(home)
    for zone, url in (
        ("warehouse tables", postgres.warehouse_url(home)),
        ("Airflow tables", os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or (server and server.url("airflow"))),
    ):
        for table, text in _tables((url or "").replace("postgresql+psycopg://", "postgresql://", 1)):
            yield zone, table, text


def scan(home: Home) -> Report:
    """Search a run folder; PostgreSQL must run.

    Raises RunError when a zone is empty: a search that saw nothing would prove nothing.
    """
    report = Report()
    places: dict[str, set[str]] = {
        "lake files": set(),
        "landing manifests": set(),
        "log files": set(),
        "warehouse tables": set(),
        "Airflow tables": set(),
    }
    known = sealed.known_people(home)
    for zone, place, text in _texts(home):
        places[zone].add(place)
        for kind, count in kinds(text, known).items():
            report.found[f"{zone.split()[0]} {place}", kind] += count
    report.searched.update({zone: len(found) for zone, found in places.items()})
    for place, what in sealed.in_the_clear(home, known):
        report.found[place, what] += 1
    report.searched["sealed files"] = sum(len(sealed.files(home, zone)) for zone in ("landing", "vault"))
    report.searched["names known"] = len(known.names)
    empty = [zone for zone, count in report.searched.items() if not count]
    if empty:
        raise RunError(f"the search for personal data saw no {', no '.join(empty)}: was there a run in {home.path}?")
    return report


def main() -> int:
    """Search the run folder and say what was found; the exit code."""
    home = Home.from_environment()
    own = not postgres.is_running(home)
    try:
        if own:
            postgres.start(home)
        report = scan(home)
    except RunError as problem:
        say(f"leaks: {problem}")
        return 2
    finally:
        if own:
            postgres.stop(home)
    return told(report)


def told(report: Report) -> int:
    """Print what was found; the exit code."""
    for (place, kind), count in sorted(report.found.items()):
        print(f"  {kind}: {count} in {place}")
    searched = ", ".join(f"{count} {zone}" for zone, count in report.searched.items())
    print(f"personal data found: {report.found.total()}; searched: {searched}")
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
