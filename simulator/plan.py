"""Which files a feed delivers for a business date: names, times, faults, and the files that put the faults right."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from simulator.calendar import as_date
from simulator.defects import REJECTED_AS, drawn, turn
from simulator.district import District
from simulator.feeds import FEEDS, Feed, Slot
from simulator.feeds.enterprise_power import read_again
from simulator.frame import IGNORED, REASONS, Frame
from simulator.rng import chance, uniform
from simulator.rowdefects import apply_defects

_DAY = 1_440
NEVER = 10**9


@dataclass(frozen=True)
class Version:
    """One version of one file as its sender puts it out.

    Times are minutes since 2020-01-01 00:00. `folder` is the day of the drop folder (-1 for exports). `until` is
    when another version takes its place under the same address. `first` and `last` cut a share of the slot's rows.
    """

    feed: str
    day: int
    name: str
    slot: int
    ready: int
    folder: int = -1
    until: int = NEVER
    fault: str = ""
    first: float = 0.0
    last: float = 1.0
    undo: bool = False
    ok_ready: int = 0
    """When the control file stands beside it; NEVER if it is forgotten."""
    read_again: bool = False
    """Whether readings that were missing before come with it."""


def day_frame(district: District, feed: Feed, day: int, *, typed: bool = False) -> Frame:
    """Return all rows that a feed sends for a business date, damaged cells, repeated rows and blank lines included.

    `typed`: cells of typed columns are whole, as such a column holds nothing else.
    """
    frame = feed.build(district, day)
    firms = district.firms
    defects = [each for each in feed.defects if not (typed and each.column in feed.history_types)]
    frame = apply_defects(
        frame, defects, (district.seed, feed.name, day), district.rates, firms.ambiguous, firms.steady()
    )
    frame = _with_repeats(frame, district, feed, day)
    return frame if feed.layout.kind == "parquet" else _with_blank_lines(frame, district, feed, day)


def history_frames(district: District, feed: Feed, day: int) -> Iterator[Frame]:
    """Yield the rows of a large history file day by day."""
    for each in range(feed.history[day][0], day + 1):
        yield day_frame(district, feed, each, typed=True)


def _with_repeats(frame: Frame, district: District, feed: Feed, day: int) -> Frame:
    """Repeat some rows exactly."""
    luck = uniform(district.seed, f"twice:{feed.name}", frame.facts["id"], day)
    twice = (luck < feed.duplicates * district.rates) & (frame.reason != IGNORED)
    return frame.take(np.repeat(np.arange(frame.rows), np.where(twice, 2, 1))) if twice.any() else frame


def _with_blank_lines(frame: Frame, district: District, feed: Feed, day: int) -> Frame:
    """Put a blank line in the middle of some files."""
    rows = np.arange(frame.rows)
    places = []
    for slot in feed.slots:
        inside = rows[frame.facts["slot"] == slot.key]
        if len(inside) > 3 and chance(district.seed, f"blank:{feed.name}", slot.key, day) < 0.06 * district.rates:
            places.append(int(inside[len(inside) // 2]))
    if not places:
        return frame
    frame = frame.take(np.insert(rows, places, places))
    empty = np.array(places) + np.arange(len(places))
    for column in frame.columns:
        frame = frame.with_values(column, empty, [None] * len(empty))
    return frame.with_reason(empty, IGNORED)


def rows_of(version: Version, frame: Frame) -> Frame:
    """Return the rows of one version out of the day's frame."""
    if version.undo:
        return frame.take(np.flatnonzero((frame.facts["retracted"] > 0) & (frame.reason == 0)))
    inside = np.flatnonzero(frame.facts["slot"] == version.slot)
    rows = frame.take(inside[int(len(inside) * version.first) : int(len(inside) * version.last)])
    return rows.plus(read_again(frame)) if version.read_again else rows


def versions(district: District, feed: Feed, day: int, frame: Frame) -> list[Version]:
    """Return every version of every file of a business date, in the order in which they come out."""
    if day in feed.history:
        return [history(district, feed, day)]
    slots = [slot for slot in feed.slots if (frame.facts["slot"] == slot.key).any()]
    keys = [slot.key for slot in slots]
    turned = _turned(district, feed, day, keys)
    assigned = _drawn(district, feed, day, keys) | turned
    result: list[Version] = []
    for slot in slots:
        base = base_version(feed, slot, day)
        rows = int((frame.facts["slot"] == slot.key).sum())
        result += course(district, feed, base, assigned.get(slot.key, ""), rows, lasting=slot.key in turned)
    if feed.retracts and ((frame.facts["retracted"] > 0) & (frame.reason == 0)).any():
        result.append(retraction(base_version(feed, slots[0], day)))
    return sorted(result, key=lambda version: (version.ready, version.name))


def _drawn(district: District, feed: Feed, day: int, slots: list[int]) -> dict[int, str]:
    """Return the fault that chance gives to each slot."""
    return {slot: drawn(district.seed, feed, slot, day, district.rates) for slot in slots}


def _turned(district: District, feed: Feed, day: int, slots: list[int]) -> dict[int, str]:
    """Return the faults whose turn it is, by slot."""
    if district.rates <= 0:
        return {}
    position = day - district.first_day
    if feed.name == "meter_accounts":
        position = (position + 6) // 7
    elif feed.name == "statistical_scope":
        position = as_date(day).month - as_date(district.first_day).month
    return turn(feed, position, slots)


def _stamp(day: int) -> str:
    return as_date(day).strftime("%Y%m%d")


def base_version(feed: Feed, slot: Slot, day: int) -> Version:
    """Return a file as it comes when nothing is wrong."""
    ready = day * _DAY + slot.ready
    folder = ready // _DAY if feed.dropped else -1
    return Version(feed.name, day, slot.name.format(day=_stamp(day)), slot.key, ready, folder, ok_ready=ready)


def history(district: District, feed: Feed, day: int) -> Version:
    """Return the history file that ends on a day."""
    extension = feed.slots[0].name.rpartition(".")[2]
    name = f"{feed.name}_history_{feed.history[day][1]}.{extension}"
    ready = district.first_day * _DAY + 8 * 60
    return Version(feed.name, day, name, 0, ready, district.first_day, ok_ready=ready)


def retraction(base: Version) -> Version:
    """Return the file that takes rows of another back a day later."""
    stem, _, extension = base.name.rpartition(".")
    return _moved(replace(base, name=f"{stem}_undo.{extension}", undo=True), 1)


def _moved(version: Version, days: int) -> Version:
    """Return the version as it would be delivered some days later."""
    folder = version.folder + days if version.folder >= 0 else -1
    return replace(version, ready=version.ready + days * _DAY, folder=folder, ok_ready=version.ready + days * _DAY)


def sequel_name(name: str) -> str:
    """Return the name of a second file: am_2.csv, or x_20200217_12.csv where the first has a number already."""
    stem, _, extension = name.rpartition(".")
    numbered = re.fullmatch(r"(.*_\d{8})_(\d)", stem)
    return f"{numbered[1]}_1{numbered[2]}.{extension}" if numbered else f"{stem}_2.{extension}"


def _again(version: Version, minutes: int, *, same_name: bool) -> list[Version]:
    """Return the version and another of the same file: the next drop folder, or some time later in the listing.

    In the listing the second takes the place of the first if it has the same name.
    """
    if version.folder >= 0:
        return [version, _moved(replace(version, fault=""), 1)]
    later = version.ready + minutes
    if same_name:
        return [replace(version, until=later), replace(version, fault="", ready=later, ok_ready=later)]
    return [version, replace(version, fault="", name=sequel_name(version.name), ready=later, ok_ready=later)]


def course(district: District, feed: Feed, base: Version, fault: str, rows: int, *, lasting: bool) -> list[Version]:
    """Return the versions of one file under a fault; too few rows to cut leave it whole.

    `lasting`: a rejected file stays in the listing, and the good one comes under another name.
    """
    if fault in REJECTED_AS:
        return _rejected(district, feed, replace(base, fault=fault), rows, lasting=lasting)
    if fault in ("corrected", "sequel") and rows < 10:
        return [base]
    special: dict[str, Callable[[], list[Version]]] = {
        "repeat": lambda: _again(base, 180, same_name=True),
        "renamed_repeat": lambda: _renamed(base),
        "corrected": lambda: _corrected(base),
        "sequel": lambda: _with_sequel(base),
        "late": lambda: [_moved(base, 1 + int(chance(district.seed, "late by", base.slot, base.day) * 3))],
        "missing_ok": lambda: _without_ok(district, base),
    }
    return special[fault]() if fault in special else [replace(base, fault=fault)]


def _rejected(district: District, feed: Feed, bad: Version, rows: int, *, lasting: bool) -> list[Version]:
    """Return a rejected file and, for nearly all, the good one that follows."""
    if bad.fault in ("truncated_rows", "truncated_line") and rows < 3:
        bad = replace(bad, fault="empty")
    luck = chance(district.seed, "follow-up", bad.slot, bad.day)
    if feed.fixed_names and (lasting or luck > 0.5):
        return [bad]
    if feed.name == "self_reports" and luck > 0.9 and not lasting:
        return [bad]
    return _again(bad, 45, same_name=feed.fixed_names or (luck > 0.7 and not lasting))


def _renamed(base: Version) -> list[Version]:
    again = _moved(base, 1) if base.folder >= 0 else replace(base, ready=base.ready + 120, ok_ready=base.ready + 120)
    return [base, replace(again, name=sequel_name(base.name))]


def _corrected(base: Version) -> list[Version]:
    first, second = _again(replace(base, last=0.9), 150, same_name=True)
    return [first, replace(second, last=1.0)]


def _with_sequel(base: Version) -> list[Version]:
    again = _moved(base, 1) if base.folder >= 0 else replace(base, ready=base.ready + 60, ok_ready=base.ready + 60)
    more = replace(again, name=sequel_name(base.name), first=0.9, read_again=base.feed == "enterprise_power")
    return [replace(base, last=0.9), more]


def _without_ok(district: District, base: Version) -> list[Version]:
    """Return a file whose control file comes a day late, or one that never gets it and is sent again."""
    if chance(district.seed, "ok", base.slot, base.day) < 0.5:
        return [replace(base, ok_ready=base.ready + _DAY)]
    return [replace(base, ok_ready=NEVER), _moved(base, 1)]


__all__ = ["FEEDS", "REASONS", "Version", "day_frame", "rows_of", "versions"]
