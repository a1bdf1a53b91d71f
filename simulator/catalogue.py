"""Every defect that the simulator knows, feed by feed, and one delivery with exactly one of them.

`catalogue` is the single source of what must become of a damaged delivery; `single` makes it, for a test of each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

import numpy as np

from simulator.calendar import as_date, number
from simulator.defects import FILE_DEFECTS, REJECTED_AS, TIMED_OUT, TOO_MANY_REQUESTS, UNAVAILABLE, FileDefect
from simulator.district import District
from simulator.feeds import FEEDS, Feed, market_registry
from simulator.frame import IGNORED, Frame
from simulator.plan import Version, base_version, course, history, retraction, rows_of
from simulator.rng import Ints
from simulator.rowdefects import BY_NAME, BY_NAME_AND_CODE, UNRESOLVED, RowDefect, damage
from simulator.store import render, sha256_of

DAY = date(2020, 2, 17)
REGISTRY = "market_registry"
_ROWS = 40
_TRANSPORT = (
    ("unauthorised", "The token is missing or wrong: the answer is 401.", "refused", 0.0),
    ("too_many_requests", "The answer is 429 and says how long to wait.", "retried", TOO_MANY_REQUESTS),
    ("unavailable", "The answer is 503.", "retried", UNAVAILABLE),
    ("timed_out", "The page does not come: the answer is 504.", "retried", TIMED_OUT),
)
"""Name, what happens, verdict, and the share of requests that the simulator's senders answer so."""
_NAME_AMBIGUOUS = "name_ambiguous"
_COMMON = (
    ("row_twice", "A row stands there twice.", "harmless"),
    ("blank_line", "A blank line between the rows.", "ignored"),
)


@dataclass(frozen=True)
class Defect:
    """One line of the catalogue: a feed and something that goes wrong with its deliveries.

    `kind` is row, file or transport. `verdict` is for a row quarantined, resolved (found by its name), repaired,
    nulled (the value is lost, the row stays), harmless, ignored; for a file rejected, accepted, repeat, late,
    replaces, adds, waits, voids, incomplete; for the transport retried or refused. `mark` is the ending of the mark
    that a repaired or nulled row bears.
    """

    feed: str
    name: str
    kind: str
    verdict: str
    note: str
    reason: str = ""
    column: str = ""
    mark: str = ""
    rate: float = 0.0

    @property
    def at_registry(self) -> bool:
        """Tell whether only the comparison with the registry can find it: the row is accepted before."""
        return self.reason in UNRESOLVED or self.verdict == "resolved"


@dataclass(frozen=True)
class Delivery:
    """One delivery with exactly one defect, and what must become of it.

    `rows` are the rows in the file (or API answer), `declared` those that its sender states; `accepted`,
    `quarantined` (by reason; rows that only the registry can judge count as accepted) and `ignored` add up to `rows`
    unless the file is rejected. `row` is the number of the damaged row, 1 below the header, 0 for a file's defect.
    `control` is the text of the control file of a drop, None where there is none. `earlier` are deliveries that come
    before it.
    """

    feed: str
    defect: Defect
    business_date: date
    name: str
    content: bytes
    sha256: str
    rows: int
    declared: int
    outcome: str
    accepted: int
    ignored: int
    quarantined: dict[str, int]
    row: int = 0
    control: str | None = None
    earlier: tuple["Delivery", ...] = field(default=())


def catalogue() -> tuple[Defect, ...]:
    """Return every defect of every feed, by feed."""
    files = (line for feed in FEEDS.values() for line in (*_row_lines(feed), *_file_lines(feed)))
    return (*_registry_lines(), *files)


def _row_lines(feed: Feed) -> Iterator[Defect]:
    for defect in feed.defects:
        yield _row_line(feed.name, defect)
    if any(defect.reason == BY_NAME for defect in feed.defects):
        column = next(defect.column for defect in feed.defects if defect.reason == BY_NAME)
        note = "Leave the code empty in a row whose name two entities bear."
        yield Defect(feed.name, _NAME_AMBIGUOUS, "row", "quarantined", note, "NAME_AMBIGUOUS", column)
    for name, note, verdict in _COMMON:
        if feed.layout.kind != "parquet" or name != "blank_line":
            yield Defect(feed.name, name, "row", verdict, note)


def _row_line(feed: str, defect: RowDefect) -> Defect:
    reason = "" if defect.verdict == "resolved" else defect.reason
    mark = "" if defect.reason else defect.mark
    return Defect(feed, defect.name, "row", defect.verdict, defect.note, reason, defect.column, mark, defect.rate)


def _file_lines(feed: Feed) -> Iterator[Defect]:
    for defect in FILE_DEFECTS:
        if defect.suits(feed):
            yield _file_line(feed.name, defect)
    if feed.history:
        yield Defect(feed.name, "history", "file", "accepted", "Rows of a month before the start, once, in one file.")
    if not feed.dropped:
        yield from _transport_lines(feed.name)


def _file_line(feed: str, defect: FileDefect) -> Defect:
    verdict = "rejected" if defect.reason else defect.becomes
    return Defect(feed, defect.name, "file", verdict, defect.note, defect.reason, rate=defect.rate)


def _transport_lines(feed: str) -> Iterator[Defect]:
    for name, note, verdict, rate in _TRANSPORT:
        yield Defect(feed, name, "transport", verdict, note, rate=rate)


def _registry_lines() -> Iterator[Defect]:
    yield from (_row_line(REGISTRY, defect) for defect in market_registry.DEFECTS)
    yield Defect(REGISTRY, "incomplete", "file", "incomplete", "Fewer items than `total` says.", "TRUNCATED")
    yield Defect(REGISTRY, "nothing", "file", "accepted", "A day without changes.")
    yield from _transport_lines(REGISTRY)


@lru_cache(maxsize=2)
def clean_district(scale: float = 0.2) -> District:
    """Return a district whose data have no defects, large enough for every feed to have some rows a day."""
    return District(seed=7, scale=scale, rates=0.0)


@lru_cache(maxsize=32)
def _built(feed: str, day: int) -> Frame:
    return FEEDS[feed].build(clean_district(), day)


@lru_cache(maxsize=4)
def _catalogue() -> dict[tuple[str, str], Defect]:
    return {(line.feed, line.name): line for line in catalogue()}


def single(feed: str, defect: str, day: date = DAY) -> Delivery:
    """Return one delivery of a feed for a business date (or the feed's last one before) with exactly one defect.

    The rows are at most forty of a small district's, good but for the defect. Raises ValueError for a defect that the
    feed cannot have, or that lies in the transport.
    """
    line = _catalogue().get((feed, defect))
    if line is None or line.kind == "transport":
        known = [name for (of, name), other in _catalogue().items() if of == feed and other.kind != "transport"]
        expected = ", ".join(known) or "no defect, as there is no such feed"
        raise ValueError(f"{feed} has no deliverable defect {defect!r}; expected one of {expected}")
    if feed == REGISTRY:
        return _registry(line, number(day))
    return _Maker(FEEDS[feed], line, number(day)).delivery()


def _counts(frame: Frame) -> tuple[int, int, dict[str, int]]:
    """Return accepted rows, ignored rows, and quarantined ones by reason, before the registry is asked."""
    found = {reason: count for reason, count in frame.quarantined().items() if reason not in UNRESOLVED}
    return frame.rows - frame.ignored() - sum(found.values()), frame.ignored(), found


class _Maker:
    """Makes the deliveries of one file feed."""

    def __init__(self, feed: Feed, line: Defect, day: int) -> None:
        self.district = clean_district()
        self.feed, self.line = feed, line
        days = [each for each in feed.days(self.district, day) if (each in feed.history) == (line.name == "history")]
        self.day = days[-1]
        self.frame = _built(feed.name, self.day)

    def delivery(self) -> Delivery:
        if self.line.kind == "row":
            return self._with_row_defect()
        slot = int(np.bincount(self.frame.facts["slot"]).argmax())
        frame = self.frame.take(np.flatnonzero(self.frame.facts["slot"] == slot)[:_ROWS])
        if self.line.verdict == "voids":
            frame = frame.with_fact("retracted", np.arange(2), 1)
        *earlier, last = [self._made(rows_of(each, frame), each) for each in self._versions(slot, frame.rows)]
        outcome = {"rejected": "rejected", "repeat": "repeat", "waits": "waits"}.get(self.line.verdict, "accepted")
        return replace(last, outcome=outcome, earlier=tuple(earlier))

    def _base(self, slot: int, day: int | None = None) -> Version:
        return base_version(self.feed, next(each for each in self.feed.slots if each.key == slot), day or self.day)

    def _versions(self, slot: int, rows: int) -> list[Version]:
        """Return what its sender delivers up to the file that has the defect."""
        base, name = self._base(slot), self.line.name
        if name == "history":
            return [history(self.district, self.feed, self.day)]
        if name == "undo":
            return [base, retraction(base)]
        if name == "unchanged":
            return [base, self._base(slot, self.day + 1)]
        found = course(self.district, self.feed, base, name, rows, lasting=False)
        return found[:1] if self.line.verdict in ("rejected", "waits") else found

    def _made(self, frame: Frame, version: Version, row: int = 0) -> Delivery:
        """Return a delivery with the rows' verdicts; its outcome is rejected if the fault is a reason for it."""
        content = render(self.feed, frame, version)
        rejected = version.fault in REJECTED_AS
        accepted, ignored, quarantined = (0, 0, {}) if rejected else _counts(frame)
        declared = sha256_of(content + b"?" * (version.fault == "wrong_sha256"))
        hash_ = "" if version.fault == "bad_control" else f"{declared} "
        finished = self.feed.dropped and version.ok_ready <= version.ready
        return Delivery(
            self.feed.name, self.line, as_date(version.day), version.name, content, declared, frame.rows, frame.rows,
            "accepted", accepted, ignored, quarantined, row, f"{hash_}{frame.rows}\n" if finished else None,
        )  # fmt: skip

    def _with_row_defect(self) -> Delivery:
        place, frame = self._damaged()
        slot = int(frame.facts["slot"][place])
        rows = np.flatnonzero(frame.facts["slot"] == slot)
        first = max(0, int(np.searchsorted(rows, place)) - _ROWS // 2)
        shown = rows[first : first + _ROWS]
        row = int(np.searchsorted(shown, place)) + 1
        part = frame.take(shown)
        if self.line.name == "row_twice":
            part = part.take(np.insert(np.arange(part.rows), row - 1, row - 1))
        if self.line.name == "blank_line":
            part = _with_blank_line(part, row - 1)
        return self._made(part, self._base(slot), row)

    def _damaged(self) -> tuple[int, Frame]:
        """Return the damaged row's position and the day's rows with it, the first row that can bear the damage."""
        common = {name for name, _, _ in _COMMON}
        if self.line.name in common:
            return int(np.flatnonzero(self.frame.reason == 0)[1]), self.frame
        firms = self.district.firms
        wanted = BY_NAME if self.line.name == _NAME_AMBIGUOUS else None
        defect = next(
            each for each in self.feed.defects if each.name == self.line.name or (wanted and each.reason == wanted)
        )
        fit = defect.hits(self.frame, firms.steady())
        if defect.reason in (BY_NAME, BY_NAME_AND_CODE):
            fit &= firms.ambiguous[np.maximum(self.frame.facts["firm"], 0)] == bool(wanted)
        nowhere = np.zeros(self.frame.rows)
        for place in np.flatnonzero(fit).tolist():
            frame = damage(self.frame, defect, np.array([place]), nowhere, firms.ambiguous)
            before, after = (each.columns[defect.column][place] for each in (self.frame, frame))
            # A change that leaves the cell as it was (a name without traditional forms) would show nothing.
            if before != after:
                return place, frame
        raise ValueError(
            f"{self.feed.name} of {as_date(self.day)}: no row of the small district can bear {self.line.name}"
        )


def _with_blank_line(frame: Frame, place: int) -> Frame:
    rows: Ints = np.insert(np.arange(frame.rows), place, place)
    frame = frame.take(rows)
    for column in frame.columns:
        frame = frame.with_values(column, np.array([place]), [None])
    return frame.with_reason(np.array([place]), IGNORED)


def _registry(line: Defect, day: int) -> Delivery:
    """Return the pages of one pull of the registry, as a JSON array of the answers' bodies."""
    district = clean_district()
    frame = market_registry.snapshot(district, day)
    frame = frame.take(np.flatnonzero(frame.reason == 0)[: 0 if line.name == "nothing" else _ROWS])
    row = 0
    for defect in market_registry.DEFECTS:
        if line.kind == "row" and defect.name == line.name:
            cells = frame.columns[defect.column].to_pylist()
            row = next(place for place, cell in enumerate(cells) if cell) + 1
            frame = damage(frame, defect, np.array([row - 1]), np.zeros(frame.rows), district.firms.ambiguous)
    items = market_registry.texts(frame, market_registry.SNAPSHOT).to_pylist()
    shown = items[:-3] if line.name == "incomplete" else items
    head = f'"business_date": "{as_date(day).isoformat()}", "total": {len(items)}'
    content = f'[{{{head}, "items": [{", ".join(shown)}], "next_cursor": null}}]'.encode()
    whole = line.name != "incomplete"
    accepted, ignored, quarantined = _counts(frame) if whole else (0, 0, {})
    kind = "changes" if line.name == "nothing" else "entities"
    return Delivery(
        REGISTRY, line, as_date(day), kind, content, sha256_of(content), len(shown), len(items),
        "accepted" if whole else "incomplete", accepted, ignored, quarantined, row,
    )  # fmt: skip
