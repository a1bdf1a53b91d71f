"""Work lists: rows of ``mart_v1`` that somebody has to act on, in the order of how soon."""

from __future__ import annotations

import datetime as dt
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


class Source:
    """A list as one role may read it."""

    def __init__(self, wanted: WorkList, seat: roles.Member) -> None:
        self.list = wanted
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
        return [name for name in self.list.filters if self._column(name) is not None]

    def latest(self, conn: sa.Connection) -> dt.date | None:
        """Latest business date of the list; None where it holds no row that the role may see."""
        day: dt.date | None = conn.execute(sa.select(sa.func.max(self._view.c.business_date))).scalar_one()
        return day

    def choices(self, conn: sa.Connection, wanted: Wanted) -> dict[str, list[tuple[str, int]]]:
        """Return filter → its values with the number of the day's rows, for the filters that are no code of a firm."""
        offered = [name for name in self.filters if name != "uscc"]
        columns = [sa.cast(self._column(name), sa.Text).label(name) for name in offered]
        n = sa.func.count().label("n")
        query = sa.select(*columns, n).select_from(self._from()).where(*self._of_day(wanted)).group_by(*columns)
        found: dict[str, dict[str, int]] = {name: {} for name in offered}
        for row in conn.execute(query).mappings():
            for name in offered:
                if row[name] is not None:
                    found[name][row[name]] = found[name].get(row[name], 0) + row["n"]
        return {name: sorted(counts.items()) for name, counts in found.items()}

    def total(self, conn: sa.Connection, wanted: Wanted) -> int:
        """Return how many rows there are."""
        number: int = conn.execute(
            sa.select(sa.func.count()).select_from(self._view).where(*self._conditions(wanted))
        ).scalar_one()
        return number

    def rows(
        self, conn: sa.Connection, wanted: Wanted, lang: Literal["zh", "en"], limit: int, offset: int = 0
    ) -> Sequence[Mapping[str, Any]]:
        """Return rows by column, those with the highest priority first."""
        if self.list.counted:
            columns = [self._view.c[name] for name in self.list.columns]
            query = sa.select(*columns, sa.func.count().label("n")).group_by(*columns)
        else:
            query = sa.select(*(self._view.c[name] for name in self.columns(lang) if name in self._allowed))
        query = query.select_from(self._view).where(*self._conditions(wanted)).order_by(*self._order())
        found = [row._asdict() for row in conn.execute(query.limit(limit).offset(offset))]
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

    def _column(self, name: str) -> sa.ColumnElement[Any] | None:
        """Return what a filter compares."""
        if name == "open":
            return sa.case((self._view.c.closed_on.is_(None), "yes"), else_="no") if self._allowed else None
        if name == SUBDISTRICT:
            return self._firm.c[SUBDISTRICT] if self._enterprise else None
        return self._view.c[name] if name in self._allowed else None

    def _of_day(self, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
        return [self._view.c.business_date == wanted.day] if self.list.daily else []

    def _conditions(self, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
        conditions = self._of_day(wanted)
        for name in self.filters:
            column = self._column(name)
            assert column is not None
            value = wanted.values.get(name)
            if value and value != "all" and name == SUBDISTRICT:
                there = sa.select(self._firm.c.uscc).where(column == value, self._firm.c.valid_to.is_(None))
                conditions.append(self._view.c.uscc.in_(there))
            elif value and value != "all":
                conditions.append(sa.cast(column, sa.Text) == value)
            elif not value and name in self.list.unless:
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


def _view(name: str, columns: Sequence[str]) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns), schema="mart_v1")


def head(view: str, column: str) -> str | None:
    """Chinese head of a column of a view, also of one that the view shows masked under another name."""
    shown = load_access().shown(load_table(view))
    return shown[column].title if column in shown else None
