"""Files on disk: made when first asked for, a business date of a feed at a time, and kept."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulator.calendar import as_date
from simulator.defects import REJECTED_AS
from simulator.district import District
from simulator.feeds import FEEDS, Feed
from simulator.frame import Frame
from simulator.layout import Layout, encode, reordered, table, with_extra_column, write_tables
from simulator.plan import NEVER, Version, day_frame, history, history_frames, rows_of, versions


@dataclass(frozen=True)
class Entry:
    """A version of a file, its bytes, and what must become of it."""

    version: Version
    path: str
    size: int
    sha256: str
    declared_sha256: str
    declared_rows: int
    reason: str
    """Why the file must be rejected; empty if it must be accepted."""
    accepted: int
    ignored: int
    quarantined: dict[str, int]

    @property
    def business_date(self) -> str:
        """ISO date."""
        return as_date(self.version.day).isoformat()

    def listed_at(self, now: int) -> bool:
        """Tell whether the file can be had at that minute (without regard to its control file)."""
        return self.version.ready <= now < self.version.until

    def complete_at(self, now: int) -> bool:
        """Tell whether the file and, in a drop folder, its control file are there at that minute."""
        return self.listed_at(now) and (self.version.folder < 0 or self.version.ok_ready <= now)


def shape(version: Version, frame: Frame, feed: Feed) -> tuple[Frame, Layout]:
    """Return rows and layout as a sloppy sender writes them."""
    layout = feed.layout_of(version.slot)
    if version.fault == "missing_column":
        return frame, layout.without(feed.key_column)
    if version.fault == "extra_column":
        column = "核对" if "备注" in layout.columns else "备注"
        return with_extra_column(frame, layout, "remark" if layout.kind == "jsonl" else column, "已核")
    if version.fault == "alias":
        return frame, replace(layout, headers=(*layout.headers, feed.alias))
    if version.fault == "reordered":
        width = len(layout.columns)
        return frame, reordered(layout, [(place + 2) % width for place in range(width)])
    if version.fault == "mixed_newlines":
        return frame, replace(layout, mixed_newlines=True, bom=layout.encoding != "gb18030")
    if version.fault == "wrong_encoding":
        return frame, replace(layout, encoding="gb18030" if layout.encoding == "utf-8" else "utf-8", bom=False)
    if version.fault == "header_only":
        return frame.take(np.arange(0)), layout
    if version.fault == "truncated_rows":
        return frame.take(np.arange(max(1, frame.rows * 6 // 10))), layout
    return frame, layout


def _cut(content: bytes, fault: str, encoding: str) -> bytes:
    """Return the bytes that arrive of a file that breaks off."""
    if fault == "empty":
        return b""
    if fault == "unreadable":
        # Without its last bytes a Parquet file is known to be cut off; with them it only cannot be read.
        kept = 0.2 if content.startswith(b"PAR1") else 0.0
        return content[: int(len(content) * (0.6 - kept))] + content[int(len(content) * (1 - kept)) :]
    if fault == "truncated_line":
        body, _, last = content.decode(encoding).rstrip("\r\n").rpartition("\n")
        return f"{body}\n{last[: len(last) // 2]}".encode(encoding)
    if fault == "broken_bytes":
        text = content.decode(encoding)
        half = len(text) // 2
        wrong = b"\x00\xdc" if encoding == "utf-16-le" else b"\xff"
        return text[:half].encode(encoding) + wrong + text[half:].encode(encoding)
    return content


def sha256_of(content: bytes) -> str:
    """Return the hash by which a file is declared."""
    return hashlib.sha256(content).hexdigest()


def render(feed: Feed, frame: Frame, version: Version) -> bytes:
    """Return the bytes of a version with its rows."""
    return _cut(encode(*shape(version, frame, feed)), version.fault, feed.layout.encoding)


class Store:
    """The senders' files. Nothing is made before it is asked for; equal districts find each other's files again."""

    def __init__(self, root: Path, district: District) -> None:
        self.district = district
        self.root = root / self._fingerprint(district)
        self._locks: dict[tuple[str, int], threading.Lock] = {}
        self._guard = threading.Lock()
        self._entries: dict[tuple[str, int], list[Entry]] = {}

    @staticmethod
    def _fingerprint(district: District) -> str:
        source = hashlib.sha256()
        for module in sorted(Path(__file__).parent.rglob("*.py")):
            source.update(module.read_bytes())
        key = f"{district.seed}:{district.scale}:{district.start}:{district.rates}:{source.hexdigest()}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def entries(self, feed: str, day: int) -> list[Entry]:
        """Return every version of every file of a business date; makes them on first use."""
        with self._guard:
            lock = self._locks.setdefault((feed, day), threading.Lock())
        with lock:
            if (feed, day) not in self._entries:
                self._entries[feed, day] = self._load(feed, day) or self._make(feed, day)
            return self._entries[feed, day]

    def all_entries(self, feed: str, through: int) -> Iterator[Entry]:
        """Yield the entries of every business date up to a day."""
        for day in FEEDS[feed].days(self.district, through):
            yield from self.entries(feed, day)

    def frame(self, feed: str, day: int) -> Frame:
        """Return the rows of a business date, as sent."""
        return _frame(self.district, feed, day)

    def _index(self, feed: str, day: int) -> Path:
        return self.root / feed / as_date(day).isoformat() / "index.json"

    def _load(self, feed: str, day: int) -> list[Entry] | None:
        index = self._index(feed, day)
        if not index.exists():
            return None
        return [Entry(**{**item, "version": Version(**item["version"])}) for item in json.loads(index.read_text())]

    def _make(self, name: str, day: int) -> list[Entry]:
        feed = FEEDS[name]
        folder = self._index(name, day).parent
        folder.mkdir(parents=True, exist_ok=True)
        if feed.history_types and day in feed.history:
            entries = [self._stream(feed, day, folder / "0")]
        else:
            frame = self.frame(name, day)
            entries = [
                self._write(feed, rows_of(version, frame), version, folder / str(place))
                for place, version in enumerate(versions(self.district, feed, day, frame))
            ]
        draft = folder / "index.tmp"
        draft.write_text(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
        draft.rename(folder / "index.json")
        return entries

    def _stream(self, feed: Feed, day: int, path: Path) -> Entry:
        """Write a history file a day at a time."""
        quarantined: Counter[str] = Counter()
        rows = 0

        def tables() -> Iterator[pa.Table]:
            nonlocal rows
            for frame in history_frames(self.district, feed, day):
                quarantined.update(frame.quarantined())
                rows += frame.rows
                yield table(frame, feed.layout, feed.history_types)

        write_tables(path, tables())
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        version, accepted = history(self.district, feed, day), rows - quarantined.total()
        return Entry(version, str(path), path.stat().st_size, sha256, sha256, rows, "", accepted, 0, dict(quarantined))

    def _write(self, feed: Feed, frame: Frame, version: Version, path: Path) -> Entry:
        content = render(feed, frame, version)
        path.write_bytes(content)
        sha256 = sha256_of(content)
        declared = sha256_of(content + b"?") if version.fault == "wrong_sha256" else sha256
        reason = REJECTED_AS.get(version.fault, "")
        quarantined = {} if reason else frame.quarantined()
        accepted = 0 if reason else frame.rows - frame.ignored() - sum(quarantined.values())
        ignored = 0 if reason else frame.ignored()
        return Entry(
            version, str(path), len(content), sha256, declared, frame.rows, reason, accepted, ignored, quarantined
        )


@lru_cache(maxsize=2)
def _frame(district: District, feed: str, day: int) -> Frame:
    return day_frame(district, FEEDS[feed], day)


__all__ = ["NEVER", "Entry", "Store"]
