"""Work lists: rows of ``mart_v1`` that somebody has to act on, in the order of how soon."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from resumption.contracts import load_table
from resumption.warehouse import roles
from resumption.warehouse.access import load_access

PAGE_ROWS = 50
SUBDISTRICT = "subdistrict_code"


@dataclass(frozen=True)
class WorkList:
    """One list: a view of ``mart_v1``, what is shown of it, and what comes first.

    Attributes:
        columns: shown, in this order; those that a role may not read are left out.
        filters: columns that can be chosen from.
        first: column → its values in order of priority; what is not named comes after.
        order: columns that decide next, ``-`` for descending.
        unless: column → values that are left out until somebody asks for them.
        named: the enterprise's name and subdistrict are looked up, where the role may read them.
        counted: not rows but their numbers are shown, by the columns.
    """

    name: str
    view: str
    columns: tuple[str, ...]
    filters: tuple[str, ...]
    first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    named: bool = False
    counted: bool = False

    @property
    def daily(self) -> bool:
        """Whether the view holds a state for each day, not the latest alone."""
        return load_table(self.view).replace == "day"

    @property
    def personal(self) -> bool:
        """Whether a row is about one person: then every look at it is recorded."""
        contract = {column.name: column.classification for column in load_table(self.view).columns}
        return any(contract.get(name) in ("personal", "sensitive") for name in self.columns)


LISTS = {
    one.name: one
    for one in (
        WorkList(
            "follow_up", "enterprise_followup",
            ("reason", "uscc", "owner_unit", "due_on", "opened_on", "last_seen_on", "closed_on", "evidence"),
            ("owner_unit", "reason", "open"),
            {"reason": ("UNAPPROVED_RESUMPTION", "POWER_WITHOUT_PEOPLE", "PEOPLE_WITHOUT_POWER", "LOW_INDEX")},
            ("due_on", "case_id"), {"open": ("no",)}, named=True,
        ),
        WorkList(
            "households", "household_power_screening",
            ("suggested_action", "scenario", "community_code", "meter_token", "days_away", "return_date", "confidence",
             "community_median_ratio"),
            ("community_code", "scenario", "suggested_action"), {"suggested_action": ("visit", "check")},
            ("scenario", "-confidence", "meter_token"), {"suggested_action": ("none",)},
        ),
        WorkList(
            "returnees", "returnee_screening",
            ("key_level", "last_exposure_on", "window_end", "household_scenario", "origins", "carriers", "in_roster",
             "uscc", "person_token", "episode_no", "state"),
            ("key_level", "household_scenario", "state"), {"key_level": ("high",)},
            ("-last_exposure_on", "person_token", "episode_no"), {"state": ("closed",)},
        ),
        WorkList(
            "employees", "employee_screening",
            ("decision", "reasons", "on_site", "code_colour", "code_age_hours", "max_temperature_band",
             "readings_valid", "uscc", "person_token"),
            ("decision", "uscc", "on_site"), {"decision": ("do_not_admit", "check", "missing_data")},
            ("uscc", "person_token"), {"decision": ("ok",)},
        ),
        WorkList(
            "approvals", "approval_reference",
            ("advice", "reasons", "application_id", "uscc", "planned_resume_on", "days_ahead", "staff_total",
             "staff_in_key_region", "people_onsite", "roster_ok_share", "prevention_plan", "white_listed", "evidence"),
            (SUBDISTRICT, "advice"), {"advice": ("support", "clarify")}, ("planned_resume_on", "application_id"),
            named=True,
        ),
        WorkList(
            "messages", "messaging_audience", ("campaign", "is_current", "included", "reason"),
            ("is_current", "included"), {}, ("-is_current", "campaign", "-included", "reason"), {}, counted=True,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """Which rows: the day of a daily list, and the value of each filter; a filter set to ``all`` leaves none out."""

    day: dt.date | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str | None:
        """Return the value that a filter asks for, None where it leaves none out."""
        value = self.values.get(name)
        return None if value in (None, "", "all") else value


@dataclass(frozen=True)
class Found:
    """A page of rows by column, how many rows there are, and filter → its values with the number of the day's rows."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    choices: Mapping[str, Sequence[tuple[str, int]]]


class Source:
    """A list as one role may read it."""

    def __init__(self, wanted: WorkList, seat: roles.Member) -> None:
        self.list = wanted
        self._seat = seat
        self._allowed = roles.columns(seat.role, wanted.view)
        self._enterprise = wanted.named and {"name", SUBDISTRICT} <= set(roles.columns(seat.role, "enterprise"))
        self._view = _view(wanted.view, self._allowed)
        self._firm = _view("enterprise", ["uscc", "name", SUBDISTRICT, "valid_to"])

    def columns(self, lang: Literal["zh", "en"]) -> list[str]:
        """Return the columns shown to a reader of ``lang``; the enterprise's name stands behind its code."""
        shown = [name for name in self.list.columns if name in self._allowed]
        if lang == "zh" and "evidence_zh" in self._allowed:
            shown = ["evidence_zh" if name == "evidence" else name for name in shown]
        if self._enterprise:
            shown.insert(shown.index("uscc") + 1, "name")
            if SUBDISTRICT in self.list.filters:
                shown.insert(shown.index("name") + 1, SUBDISTRICT)
        return [*shown, "n"] if self.list.counted else shown

    @property
    def filters(self) -> list[str]:
        """Return the filters whose columns the role may read."""
        return [name for name in self.list.filters if self._readable(name)]

    def latest(self, conn: sa.Connection) -> dt.date | None:
        """Latest business date of the list; None where it holds no row that the role may see."""
        # Not max(): behind a row policy it reads every row.
        day = self._view.c.business_date
        query = sa.select(day).where(*self._own_rows()).order_by(day.desc()).limit(1)
        latest: dt.date | None = conn.execute(query).scalar()
        return latest

    def found(
        self, conn: sa.Connection, wanted: Wanted, lang: Literal["zh", "en"], limit: int, offset: int = 0
    ) -> Found:
        """Return a page of rows, those with the highest priority first; how many there are, and what to choose from."""
        groups = self._groups(conn, wanted)
        fitting = [row for row in groups if self._fits(row, wanted)]
        if self.list.counted:
            return Found(fitting[offset : offset + limit], len(fitting), self._choices(groups))
        rows = self._rows(conn, wanted, lang, limit, offset)
        return Found(rows, sum(row["n"] for row in fitting), self._choices(groups))

    @property
    def _offered(self) -> list[str]:
        """Filters with values to choose from: those that are no code of a firm."""
        return [name for name in self.filters if name != "uscc"]

    def _groups(self, conn: sa.Connection, wanted: Wanted) -> list[dict[str, Any]]:
        """Return the day's rows counted by what can be chosen, or by all that a counted list shows: asked once."""
        names = self.list.columns if self.list.counted else self._offered
        columns = {name: self._column(name) for name in names}
        query = sa.select(*(column.label(name) for name, column in columns.items()), sa.func.count().label("n"))
        query = query.select_from(self._from()).where(*self._of_day(wanted)).group_by(*columns.values())
        firm = wanted.of("uscc") if "uscc" in self.filters else None
        if firm:
            query = query.where(self._column("uscc") == firm)
        if self.list.counted:
            query = query.order_by(*self._order())
        return [dict(row) for row in conn.execute(query).mappings()]

    def _fits(self, row: Mapping[str, Any], wanted: Wanted) -> bool:
        """Whether a group's rows are wanted."""
        for name in self._offered:
            value, left_out = _text(row[name]), self.list.unless.get(name, ())
            if wanted.of(name) not in (None, value) or (not wanted.values.get(name) and value in left_out):
                return False
        return True

    def _choices(self, groups: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[str, int]]]:
        """Return filter → its values with the number of the day's rows."""
        found: dict[str, Counter[str]] = {name: Counter() for name in self._offered}
        for row in groups:
            for name, counts in found.items():
                value = _text(row[name])
                if value is not None:
                    counts[value] += row["n"]
        return {name: sorted(counts.items()) for name, counts in found.items()}

    def _rows(
        self, conn: sa.Connection, wanted: Wanted, lang: Literal["zh", "en"], limit: int, offset: int
    ) -> Sequence[Mapping[str, Any]]:
        query = sa.select(*(self._view.c[name] for name in self.columns(lang) if name in self._allowed))
        query = query.where(*self._conditions(wanted)).order_by(*self._order()).limit(limit).offset(offset)
        found = [row._asdict() for row in conn.execute(query)]
        return self._with_names(conn, found) if self._enterprise else found

    def _with_names(self, conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """Add the enterprise's name and subdistrict; looked up for the rows shown, not joined to all of them."""
        c = self._firm.c
        current = sa.select(c.uscc, c.name, c[SUBDISTRICT]).where(
            c.uscc.in_({row["uscc"] for row in rows}), c.valid_to.is_(None)
        )
        known = {row.uscc: {"name": row.name, SUBDISTRICT: row[2]} for row in conn.execute(current)}
        return [row | known.get(row["uscc"], {"name": None, SUBDISTRICT: None}) for row in rows]

    def _from(self) -> sa.FromClause:
        if not self._enterprise or SUBDISTRICT not in self.list.filters:
            return self._view
        current = sa.and_(self._firm.c.uscc == self._view.c.uscc, self._firm.c.valid_to.is_(None))
        return self._view.outerjoin(self._firm, current)

    def _readable(self, name: str) -> bool:
        """Whether the role may read what a filter compares."""
        if name == SUBDISTRICT:
            return self._enterprise
        return ("closed_on" if name == "open" else name) in self._allowed

    def _column(self, name: str) -> sa.ColumnElement[Any]:
        """Return what a filter compares."""
        if name == "open":
            return sa.case((self._view.c.closed_on.is_(None), "yes"), else_="no")
        return self._firm.c[SUBDISTRICT] if name == SUBDISTRICT else self._view.c[name]

    def _own_rows(self) -> list[sa.ColumnElement[bool]]:
        """Name the rows that are the role's own: the row policy says so too, but leads to no index."""
        rows = load_access().roles[self._seat.role].mart_v1[self.list.view].rows
        own = {"community_code": self._seat.community, "uscc": self._seat.uscc}
        return [] if rows == "all" else [self._view.c[rows] == own[rows]]

    def _of_day(self, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
        return [*self._own_rows(), *([self._view.c.business_date == wanted.day] if self.list.daily else [])]

    def _conditions(self, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
        conditions = self._of_day(wanted)
        for name in self.filters:
            column, value = self._column(name), wanted.of(name)
            if value and name == SUBDISTRICT:
                there = sa.select(self._firm.c.uscc).where(column == value, self._firm.c.valid_to.is_(None))
                conditions.append(self._view.c.uscc.in_(there))
            elif value:
                conditions.append(sa.cast(column, sa.Text) == value)
            elif not wanted.values.get(name) and name in self.list.unless:
                conditions.append(sa.cast(column, sa.Text).not_in(self.list.unless[name]))
        return conditions

    def _order(self) -> list[sa.ColumnElement[Any]]:
        ranks = [
            sa.case({value: place for place, value in enumerate(values)}, value=self._view.c[name], else_=len(values))
            for name, values in self.list.first.items()
            if name in self._allowed
        ]
        rest = [
            self._view.c[name[1:]].desc().nulls_last() if name.startswith("-") else self._view.c[name]
            for name in self.list.order
            if name.lstrip("-") in self._allowed
        ]
        return [*ranks, *rest]


def _text(value: Any) -> str | None:
    """Return a value as a filter names it."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _view(name: str, columns: Sequence[str]) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns), schema="mart_v1")


def head(view: str, column: str) -> str | None:
    """Chinese head of a column of a view, also of one that the view shows masked under another name."""
    shown = load_access().shown(load_table(view))
    return shown[column].title if column in shown else None
