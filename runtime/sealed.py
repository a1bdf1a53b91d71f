"""What the sealed zones of a run hold, for the search for personal data: who must not be found elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.home import Home, token_key

if TYPE_CHECKING:
    import pyarrow as pa

    from resumption.contracts import FeedContract

NAME_COLUMNS = ("person_name", "contact_name", "legal_representative")
ADDRESS_COLUMNS = ("address",)
_PHONE_OR_IDENTITY = re.compile(rb"(?<![0-9A-Za-z.])(?:1[3-9]\d{9}|\d{17}[0-9Xx])(?![0-9A-Za-z])")
_CHINESE = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2,4}")
_MIN_ADDRESS = 8
_MIN_NUMBER = 8


@dataclass(frozen=True)
class Known:
    """People of this run as the senders wrote them: names, addresses, and numbers of documents and accounts."""

    names: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


def files(home: Home, zone: str) -> list[Path]:
    """The sealed files of a zone (landing, vault); manifests and unfinished parts are none."""
    found = (path for path in (home.path / zone).glob("**/*") if path.is_file() and path.suffix != ".json")
    return sorted(path for path in found if not any(part.startswith(".") for part in path.parts[-2:]))


def manifests(home: Home) -> list[Path]:
    """The manifests beside the landed bytes."""
    return sorted((home.path / "landing").glob("*/*/*.json"))


def known_people(home: Home) -> Known:
    """Read the landed deliveries and the vault for the values that no other zone may hold."""
    names: set[str] = set()
    addresses: set[str] = set()
    for feed, read in _deliveries(home):
        for column in feed.columns:
            if column.name in (*NAME_COLUMNS, *ADDRESS_COLUMNS) and column.name in read.column_names:
                values = {value.strip() for value in read[column.name].unique().to_pylist() if value}
                if column.name in NAME_COLUMNS:
                    names |= {value for value in values if 2 <= len(value) <= 4}
                else:
                    addresses |= {value for value in values if len(value) >= _MIN_ADDRESS}
    return Known(frozenset(names), frozenset(addresses), frozenset(_numbers(home)))


def _deliveries(home: Home) -> Iterator[tuple[FeedContract, pa.Table]]:
    """(contract, rows as strings) of every landed delivery with names or addresses that can be read."""
    from resumption import landing, readers, sealing
    from resumption.contracts import load_feed

    key = landing.zone_key(token_key(home).encode())
    read: set[Path] = set()
    for manifest in manifests(home):
        feed = load_feed(json.loads(manifest.read_text(encoding="utf-8"))["feed"])
        place = manifest.with_name(manifest.name.split(".")[0])
        wanted = any(column.name in (*NAME_COLUMNS, *ADDRESS_COLUMNS) for column in feed.columns)
        if not wanted or place in read or not place.exists():
            continue
        read.add(place)
        try:
            yield feed, readers.read(sealing.read(place, key), feed).table
        except (readers.FileRejected, sealing.SealError):
            continue


def _numbers(home: Home) -> Iterator[str]:
    """Numbers of documents and accounts in the vault; mobile numbers are known by their shape."""
    from resumption import sealing, vault

    key = vault.zone_key(token_key(home).encode())
    for path in files(home, "vault"):
        try:
            rows = vault.read_block(path, key)
        except sealing.SealError:
            continue
        for kind, value in zip(rows["kind"].to_pylist(), rows["value"].to_pylist(), strict=True):
            number = value.rsplit(":", 1)[-1]
            if kind != "phone" and len(number) >= _MIN_NUMBER:
                yield number


def in_the_clear(home: Home, known: Known) -> Iterator[tuple[str, str]]:
    """(place, what is wrong) of each file of the sealed zones that shows anything, or that does not open.

    That a file opens proves that every byte after its header is sealed: a frame's length and place are part of it.
    """
    from resumption import landing, sealing, vault

    master = token_key(home).encode()
    open_file: dict[str, Callable[[Path], object]] = {
        "landing": lambda path: sealing.read(path, landing.zone_key(master)),
        "vault": lambda path: vault.read_block(path, vault.zone_key(master)),
    }
    for zone, opened in open_file.items():
        for path in files(home, zone):
            place = str(path.relative_to(home.path))
            try:
                opened(path)
            except sealing.SealError:
                yield place, "not sealed"
            yield from ((place, kind) for kind in _shown(path.read_bytes(), known))


def _shown(data: bytes, known: Known) -> Iterator[str]:
    if _PHONE_OR_IDENTITY.search(data):
        yield "phone or identity number"
    words = (match[0].decode("utf-8", errors="ignore") for match in _CHINESE.finditer(data))
    if any(word in known.names for word in words):
        yield "name"
