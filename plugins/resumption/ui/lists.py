"""Work lists by role, and their Excel files."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from resumption import ops
from resumption.ui import access, guard, texts
from resumption.ui.errors import PageError
from resumption.ui.pages import address, base, language, moment, number, page, percent
from resumption.ui.queries import lists as rows
from resumption.ui.queries.lists import LISTS, PAGE_ROWS, Source, Wanted, WorkList
from resumption.ui.texts import Lang
from resumption.ui.words import Words
from resumption.warehouse import roles

router = APIRouter()

EXPORTED = 50_000
"""Rows that a workbook may hold; more is no list for people."""
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHARES = ("roster_ok_share", "confidence", "community_median_ratio")
_KINDS = {"owner_unit": "places", "subdistrict_code": "places", "household_scenario": "values.scenario"}
_RANKED = {"reason": "bad", "suggested_action": "warn", "decision": "bad", "advice": "warn", "key_level": "bad"}


@router.get("/lists")
def first_list(request: Request, visitor: guard.WorkLists) -> Response:
    """Go to the first list that the visitor's roles may read."""
    open_to = _open_to(access.seats(visitor))
    return RedirectResponse(address(base(request), f"/lists/{next(iter(open_to), 'follow_up')}"), status_code=303)


@router.get("/lists/{name}")
def work_list(
    request: Request,
    visitor: guard.WorkLists,
    user: GetUserDep,
    name: str,
    day: str | None = None,
    place: Annotated[int, Query(alias="page", ge=1)] = 1,
    seat: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show a page of a work list, as the visitor's role sees it."""
    lang = language(request)
    held = access.seats(visitor)
    open_to = _open_to(held)
    wanted_list = _known(name, user)
    taken = _seat(held, wanted_list, seat)
    if taken is None:
        return page(
            request, "list.html", status=403, list=wanted_list, lists=open_to, say=Words(lang), readable=False,
            role=held[0].role,
        )  # fmt: skip
    source = Source(wanted_list, taken)
    with access.connection(visitor, purpose=f"work list {name}", seat=taken) as conn:
        wanted = _wanted(request, source, day, conn)
        found = source.found(conn, wanted, lang, PAGE_ROWS, (place - 1) * PAGE_ROWS)
        _note(conn, visitor, wanted_list, f"work list {name}, page {place}", len(found.rows))
    columns = source.columns(lang)
    return page(
        request, "list.html", list=wanted_list, lists=open_to, readable=True, role=taken.role, wanted=wanted,
        columns=columns, heads=_heads(wanted_list, columns, lang), filters=source.filters, found=found,
        place=place, pages=-(-found.total // PAGE_ROWS), show=functools.partial(shown, lang), say=Words(lang),
        seat=held.index(taken), seats=held, look=_look, word=functools.partial(_word, lang),
    )  # fmt: skip


@router.post("/export/{file}")
def export(visitor: guard.ExportWorkLists, user: GetUserDep, form: guard.Form, file: str) -> Response:
    """Give the rows of a list as an Excel file, and record who took them, how many and what for."""
    from resumption.ui.workbook import Sheet, workbook

    name, _, kind = file.rpartition(".")
    wanted_list = _known(name if kind == "xlsx" else file, user)
    purpose = str(form.get("purpose", "")).strip()
    if not purpose:
        raise PageError(422, "lists.purpose_missing")
    held = access.seats(visitor)
    given = str(form.get("seat", "0"))
    taken = _seat(held, wanted_list, int(given) if given.isdecimal() else 0)
    if taken is None:
        raise PageError(403, "lists.not_for_role", role=held[0].role)
    source = Source(wanted_list, taken)
    with access.connection(visitor, purpose=purpose, seat=taken) as conn:
        values = {key: str(form[key]) for key in source.filters if form.get(key)}
        wanted = Wanted(_day(str(form.get("day", "")), source, conn), values)
        found = source.found(conn, wanted, "zh", EXPORTED)
        if found.total > EXPORTED:
            raise PageError(422, "lists.too_many", n=number(EXPORTED))
        columns = source.columns("zh")
        rows_shown = ([_exported(column, row[column]) for column in columns] for row in found.rows)
        body = workbook(Sheet(texts.text("zh", f"lists.{name}"), [_heads(wanted_list, columns, "zh")], rows_shown))
        ops.record_access(
            conn, f"mart_v1.{wanted_list.view}, exported", by=visitor.login, purpose=purpose,
            asked=found.total, found=found.total,
        )  # fmt: skip
    day = f"_{wanted.day}" if wanted.day else ""
    return Response(body, media_type=EXCEL, headers={"Content-Disposition": f'attachment; filename="{name}{day}.xlsx"'})


def _known(name: str, user: object) -> WorkList:
    """Return the list; one of persons only to whom Airflow lets see persons at all."""
    if name not in LISTS:
        raise PageError(404, "lists.unknown", name=name)
    if LISTS[name].personal and not guard.may(user, guard.PERSONS, "GET"):
        raise PageError(403, "frame.forbidden", resource=guard.PERSONS)
    return LISTS[name]


def _open_to(held: Sequence[roles.Member]) -> list[str]:
    """Names of the lists that one of these roles may read."""
    return [name for name, one in LISTS.items() if any(roles.columns(seat.role, one.view) for seat in held)]


def _seat(held: Sequence[roles.Member], wanted: WorkList, place: int) -> roles.Member | None:
    """Return the role to read the list in: the one asked for if it may, else the first that may."""
    able = [seat for seat in held if roles.columns(seat.role, wanted.view)]
    if place < len(held) and held[place] in able:
        return held[place]
    return able[0] if able else None


def _wanted(request: Request, source: Source, day: str | None, conn: Any) -> Wanted:
    given = request.query_params
    return Wanted(_day(day or "", source, conn), {key: given[key] for key in source.filters if given.get(key)})


def _day(given: str, source: Source, conn: Any) -> dt.date | None:
    """Return the day of a daily list, the latest without one; of another, the day that its state is of."""
    if not given or not source.list.daily:
        return source.latest(conn)
    try:
        return dt.date.fromisoformat(given)
    except ValueError:
        raise PageError(422, "frame.not_understood", fields="day") from None


def _note(conn: Any, visitor: access.Visitor, wanted: WorkList, purpose: str, shown_rows: int) -> None:
    if wanted.personal:
        what = f"mart_v1.{wanted.view}"
        ops.record_access(conn, what, by=visitor.login, purpose=purpose, asked=shown_rows, found=shown_rows)


def _heads(wanted: WorkList, columns: Sequence[str], lang: Lang) -> list[str]:
    return [_head(wanted, column, lang) for column in columns]


def _head(wanted: WorkList, column: str, lang: Lang) -> str:
    if column == "n":
        return texts.text(lang, "lists.n")
    if lang == "en":
        return column.replace("_", " ")
    return rows.head(wanted.view, column) or rows.head("enterprise", column) or column


def _key(column: str, value: Any) -> str | None:
    """Key of the word for a value: the column's own, else that of the kind of value it holds."""
    keys = (f"values.{column}.{value}", f"{_KINDS.get(column, '')}.{value}")
    return next((key for key in keys if texts.has(key)), None)


def _word(lang: Lang, column: str, value: Any) -> str:
    """Word for a value of a column."""
    key = _key(column, value)
    return texts.text(lang, key) if key else str(value)


def shown(lang: Lang, column: str, value: Any) -> str:
    """Return a value as a page shows it."""
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return texts.text(lang, "lists.yes" if value else "lists.no")
    if isinstance(value, list):
        return ("、" if lang == "zh" else ", ").join(_word(lang, column, one) for one in value)
    if isinstance(value, dt.datetime):
        return moment(value)
    if column in _SHARES:
        return percent(value)
    if isinstance(value, float):
        return number(value, 1)
    if isinstance(value, int):
        return number(value)
    # A token is told by its first digits; the whole of it stands in the file.
    return value[:12] + "…" if column.endswith("_token") and len(value) > 20 else _word(lang, column, value)


def _exported(column: str, value: Any) -> Any:
    """Return a value as the file holds it: figures and dates as such, codes in Chinese words."""
    if isinstance(value, bool | list) or (isinstance(value, str) and _key(column, value)):
        return shown("zh", column, value)
    return value


def _look(column: str, value: Any, wanted: WorkList) -> str:
    """Colour of a value that decides the order: the first of its column stands out."""
    urgent = wanted.first.get(column, ())
    return _RANKED.get(column, "") if value in urgent[:1] else ""
