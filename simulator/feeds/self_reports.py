"""Self-reports of firms: a plan first, then the day of resumption and the people on site, again every few days."""

import numpy as np
import pyarrow as pa

from simulator.calendar import NEVER, clock_texts, date_texts, is_working_day
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.rng import Bools, Floats, Ints, uniform
from simulator.rowdefects import (
    INVALID,
    REFORMATTED,
    RowDefect,
    blank,
    broken_row,
    code_defects,
    constant,
    date_defects,
    date_repairs,
    full_width,
    moment_defects,
    name_defects,
    phone_defects,
)
from simulator.text import blank_where, choose, digits, join, whole

_HOUR_WEIGHTS = np.array(
    [1, 0, 0, 0, 0, 1, 4, 20, 70, 120, 120, 80, 40, 60, 90, 100, 90, 70, 40, 30, 30, 20, 10, 4], dtype=float
)
_HOUR_EDGES = np.cumsum(_HOUR_WEIGHTS / _HOUR_WEIGHTS.sum())
_ORIGINAL, _SAME_DAY, _NEXT_DAY = range(3)
_IDS_A_DAY = 100_000_000


def _due(district: District, day: int) -> Bools:
    """Tell which firms send their regular report on that day."""
    lives, firms, seed = district.lives, district.firms, district.seed
    everybody = np.arange(firms.count)
    regular = (day - lives.filed) % lives.period == 0
    if not is_working_day(day):
        regular &= uniform(seed, "weekend report", everybody, day) < 0.4
    told = lives.resumed + lives.lag
    event = (
        (day == told) | ((day == lives.suspended) & (told < day)) | (day == district.first_day) | (day == lives.filed)
    )
    closed = (firms.closed <= day) & (uniform(seed, "stubborn", everybody) < 0.5)
    silent = (
        (day > np.maximum(told, lives.filed) + 1)
        & (lives.suspended >= NEVER)
        & (uniform(seed, "silent", everybody) < 0.015)
    )
    silent &= day > district.first_day
    due: Bools = lives.reports & (lives.filed <= day) & (firms.born <= day) & (regular | event) & ~closed & ~silent
    return due


def _seconds(luck: Floats, detail: Floats) -> Ints:
    """Return the second of the day at which a report is sent."""
    hour = np.searchsorted(_HOUR_EDGES, luck, side="right")
    return np.minimum(hour, 23) * 3_600 + (detail * 3_600).astype(np.int64)


def _facts(district: District, day: int, firm: Ints, part: int, seconds: Ints, supersedes: Ints) -> dict[str, Ints]:
    """Return what a group of reports says; the originals of same-day corrections carry the mistake."""
    lives, seed = district.lives, district.seed
    told = lives.resumed + lives.lag <= day
    onsite = np.where(told, lives.onsite(day), 0)[firm]
    total = lives.staff[firm]
    actual = np.where(told, lives.resumed, NEVER)[firm]
    excess = uniform(seed, "excess", firm, day) < 0.006 * min(district.rates, 5.0)
    onsite = np.where(excess & (onsite > 0), total + 1 + firm % 5, onsite)
    if part == _ORIGINAL:
        mistaken = _corrected(district, firm, day)
        onsite = np.where(mistaken, 0, onsite)
    planned = np.where(lives.first.exists, lives.first.planned, np.minimum(lives.resumed, lives.filed + 7))[firm]
    planned = np.where(lives.second.exists[firm], lives.second.planned[firm], planned)
    return {
        "firm": firm,
        "slot": seconds // 3_600,
        "submitted": day * 86_400 + seconds,
        "planned": planned,
        "actual": actual,
        "onsite": onsite,
        "total": total,
        "id": (day * _IDS_A_DAY + firm) * 10 + part,
        "supersedes": supersedes,
    }


def _corrected(district: District, firm: Ints, day: int) -> Bools:
    """Tell which reports of the day are corrected later."""
    return uniform(district.seed, "correction", firm, day) < 0.012 * min(district.rates, 5.0)


def _rows(district: District, day: int) -> dict[str, Ints]:
    seed = district.seed
    firm = np.flatnonzero(_due(district, day))
    seconds = _seconds(uniform(seed, "hour", firm, day), uniform(seed, "second", firm, day))
    groups = [_facts(district, day, firm, _ORIGINAL, seconds, np.full(len(firm), -1))]
    wrong = _corrected(district, firm, day)
    soon = wrong & (uniform(seed, "same day", firm, day) < 0.6)
    again = np.minimum(seconds[soon] + 600 + (uniform(seed, "again", firm[soon], day) * 4_000).astype(np.int64), 86_399)
    groups.append(_facts(district, day, firm[soon], _SAME_DAY, again, groups[0]["id"][soon]))
    if day > district.first_day:
        before = np.flatnonzero(_due(district, day - 1))
        late = before[_corrected(district, before, day - 1) & (uniform(seed, "same day", before, day - 1) >= 0.6)]
        at_nine = 9 * 3_600 + (uniform(seed, "nine", late, day) * 3_000).astype(np.int64)
        groups.append(_facts(district, day, late, _NEXT_DAY, at_nine, ((day - 1) * _IDS_A_DAY + late) * 10))
    rows = {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}
    order = np.argsort(rows["submitted"], kind="stable")
    return {name: values[order] for name, values in rows.items()}


def _report_ids(ids: Ints) -> pa.Array:
    """Return report ids as text; -1 becomes null."""
    known = ids >= 0
    safe = np.where(known, ids, 0)
    text = join(
        pa.scalar("SR"),
        date_texts(safe // (_IDS_A_DAY * 10)),
        pa.scalar("-"),
        digits(safe // 10 % _IDS_A_DAY, 7),
        whole(safe % 10),
    )
    return blank_where(~known, text)


def build(district: District, day: int) -> Frame:
    """Return the reports submitted on that day, by the moment of submission."""
    facts = _rows(district, day)
    firms, firm, seed = district.firms, facts["firm"], district.seed
    index = pa.array(firm)
    remote = np.minimum(
        np.maximum(facts["total"] - facts["onsite"], 0), np.round(facts["total"] * 0.15).astype(np.int64)
    )
    moment = join(date_texts(facts["submitted"] // 86_400), clock_texts(facts["submitted"] % 86_400), sep="T")
    offset = choose(uniform(seed, "offset", firm) < 0.5, "+08:00", "")
    columns = {
        "report_id": _report_ids(facts["id"]),
        "uscc": firms.uscc.take(index),
        "enterprise_name": firms.name_at(day).take(index),
        "planned_resume_date": date_texts(facts["planned"]),
        "actual_resume_date": date_texts(facts["actual"]),
        "staff_total": whole(facts["total"]),
        "staff_onsite": whole(facts["onsite"]),
        "staff_remote": whole(remote),
        "staff_in_key_region": whole((facts["total"] * 0.04 * uniform(seed, "key region", firm)).astype(np.int64)),
        "prevention_plan": choose(uniform(seed, "plan", firm) < 0.97, "true", "false"),
        "contact_name": firms.contact_name.take(index),
        "contact_phone": firms.phone_at(day).take(index),
        "submitted_at": join(moment, offset),
        "supersedes": _report_ids(facts["supersedes"]),
    }
    return clean(columns, facts)


_COLUMNS = (
    "report_id",
    "uscc",
    "enterprise_name",
    "planned_resume_date",
    "actual_resume_date",
    "staff_total",
    "staff_onsite",
    "staff_remote",
    "staff_in_key_region",
    "prevention_plan",
    "contact_name",
    "contact_phone",
    "submitted_at",
    "supersedes",
)


def _as_float(text: str, _: float) -> str:
    """Write a count as 20.0."""
    return text + ".0"


def _as_full_width(text: str, _: float) -> str:
    """Write a count in full-width digits."""
    return f'"{full_width(text, 0)}"'


FEED = Feed(
    name="self_reports",
    sender="module",
    layout=Layout(
        "jsonl",
        _COLUMNS,
        literals=frozenset(("staff_total", "staff_onsite", "staff_remote", "staff_in_key_region", "prevention_plan")),
    ),
    slots=tuple(Slot(hour, f"{hour:02d}.jsonl", (hour + 1) * 60) for hour in range(24)),
    days=daily,
    build=build,
    defects=(
        *code_defects("uscc", named=True),
        *name_defects("enterprise_name", "uscc"),
        *date_repairs("planned_resume_date", "planned", 0.6, "planned"),
        *date_defects("actual_resume_date", "actual", 0.6),
        *phone_defects("contact_phone", key=False),
        *moment_defects("submitted_at", "submitted", 0.2),
        RowDefect("number_text", "staff_total", 0.001, constant('"约20"', '"二十人"'), "NUMBER_INVALID"),
        RowDefect("number_negative", "staff_onsite", 0.0005, constant("-1"), "NUMBER_INVALID"),
        RowDefect("number_missing", "staff_onsite", 0.0005, blank, "REQUIRED_MISSING"),
        RowDefect("number_float", "staff_total", 0.001, _as_float, mark=REFORMATTED),
        RowDefect("number_full_width", "staff_total", 0.001, _as_full_width, mark=REFORMATTED),
        RowDefect("remote_text", "staff_remote", 0.001, constant('"若干"'), mark=INVALID),
        RowDefect("staff_exceeds", "staff_onsite", 0.0, constant("100000")),
        RowDefect("supersedes_unknown", "supersedes", 0.0, constant("SR0000-00-00-00000000"), fills=True),
        RowDefect("id_missing", "report_id", 0.0005, blank, "REQUIRED_MISSING"),
        broken_row("enterprise_name"),
    ),
    key_column="staff_onsite",
    duplicates=0.003,
)
