"""What the checks found, as pages that need nothing from anywhere: ``python -m resumption.ui.report_files``.

Under ``REPORTS_URL``: ``index.html`` names the days, ``<day>/index.html`` what was checked for a business date,
``<day>/<feed or table>.html`` each of its checks. A page holds counts, shares and dates, in Chinese and English, and
nothing of a row. It is written from ``ops.check_result`` alone, so that nothing waits for it, and goes when its results
go. Great Expectations' own pages load their styles from public addresses and know one language, hence these.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from markupsafe import Markup

from resumption import ops, settings, storage
from resumption.checks import Check, SuiteError, load_suite
from resumption.contracts import load_table, table_names
from resumption.ui import texts
from resumption.ui.pages import FOLDER, STATIC, environment
from resumption.ui.texts import Lang
from resumption.ui.words import Words

if TYPE_CHECKING:
    from resumption.storage import Place

INDEX = "index.html"
MOST_VALUES = 12
_READABLE = 0o644
_UNTOLD = re.compile(r"[^\x20-\x7e]|\d{11}")
"""No check writes such a thing: what bears it could be a name, a phone or an identity number."""
_MADE = re.compile(r'data-day="([\d-]{10})" data-made="(\w+)"')
_ORDER = {"fail": 0, "error": 0, "pass": 1}
_SEVERITY = {"critical": 0, "warning": 1, "info": 2}

Row = Mapping[str, Any]


def write_reports() -> dict[str, int]:
    """Write the pages of every day whose results have changed, and remove those of days without any; return counts."""
    root = settings.reports_path()
    with ops.engine().connect().execution_options(postgresql_readonly=True) as conn:
        days = [{**row, "made": _fingerprint(dict(row))} for row in conn.execute(_DAYS).mappings()]
        before = _written(root)
        changed = [row["business_date"] for row in days if before.get(str(row["business_date"])) != row["made"]]
        for day in changed:
            _write_day(root / str(day), day, [dict(row) for row in conn.execute(_RESULTS, {"day": day}).mappings()])
    gone = set(before) - {str(row["business_date"]) for row in days}
    for name in gone:
        _keep_only(root / name, ())
    if changed or gone or not before:  # last: a run that dies on its way begins again
        _write(root / INDEX, _page("report_index.html", lambda lang: texts.text(lang, "reports.title"), days=days))
    return {"days": len(days), "written": len(changed), "removed": len(gone)}


_DAYS = sa.text("""
    select business_date, count(*) as checks, count(distinct subject) as subjects, max(checked_at) as checked_at,
           count(*) filter (where outcome <> 'pass' and severity = 'critical') as critical,
           count(*) filter (where outcome <> 'pass' and severity = 'warning') as warnings,
           count(*) filter (where outcome <> 'pass' and severity = 'info') as known
    from ops.check_result group by business_date order by business_date desc
""")
_RESULTS = sa.text("select * from ops.check_result where business_date = :day order by subject, check_id")


def _fingerprint(row: Row) -> str:
    """What a day's pages were made from and how: the same where nothing would change."""
    moment = row["checked_at"].timestamp() if row["checked_at"] else ""
    return hashlib.sha256(f"{row['checks']} {moment} {_looks()}".encode()).hexdigest()[:16]


@cache
def _looks() -> str:
    files = [*sorted((FOLDER / "templates").glob("*report*.html")), STATIC / "site.css", texts.FOLDER / "reports.yaml"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _written(root: Place) -> dict[str, str]:
    """Return day → fingerprint as the index before tells."""
    index = root / INDEX
    return dict(_MADE.findall(index.read_text(encoding="utf-8"))) if index.is_file() else {}


def _write_day(folder: Place, day: dt.date, rows: Sequence[Row]) -> None:
    of_subject: dict[str, list[Row]] = {}
    for row in rows:
        of_subject.setdefault(row["subject"], []).append(row)
    for subject, found in of_subject.items():
        found.sort(key=lambda row: (_ORDER[row["outcome"]], _SEVERITY[row["severity"]], row["check_id"]))
        made = _page(
            "report.html", partial(_heading, subject, day), subject=subject, day=day, results=_told(found, day)
        )
        _write(folder / f"{subject}.html", made)
    _keep_only(folder, (INDEX, *(f"{subject}.html" for subject in of_subject)))
    heading = partial(texts.text, key="reports.day", day=day)
    _write(folder / INDEX, _page("report_day.html", heading, day=day, subjects=of_subject))


def _page(template: str, heading: Any, **values: Any) -> bytes:
    """Return a page in both languages; ``heading`` gives its title in a language."""
    made = environment().get_template(template)
    parts = [
        {"lang": lang, "title": heading(lang), "body": Markup(made.render(**_names(lang), **values))}
        for lang in texts.LANGS
    ]
    style = Markup("<style>{}</style>").format(Markup((STATIC / "site.css").read_text(encoding="utf-8")))
    return (
        environment().get_template("document.html").render(title=parts[0]["title"], parts=parts, style=style).encode()
    )


def _names(lang: Lang) -> dict[str, Any]:
    return {
        "lang": lang,
        "t": partial(texts.text, lang),
        "say": Words(lang),
        "title": partial(title, lang),
        "limits": partial(limits, lang),
    }


def _heading(subject: str, day: dt.date, lang: Lang) -> str:
    return f"{title(lang, subject)} {day}"


def title(lang: Lang, subject: str) -> str:
    """Return the name of what was checked: a feed, a table, or what is checked across them."""
    if subject in table_names():
        return f"{load_table(subject).title} {subject}" if lang == "zh" else subject
    key = f"reports.subject_{subject}"
    return texts.text(lang, key) if texts.has(key) else Words(lang).feed(subject)


def _told(rows: Sequence[Row], day: dt.date) -> list[dict[str, Any]]:
    """Return results as the page tells them, each with what its suite says of it."""
    suites = _checks(rows[0]["subject"])
    found = []
    for row in rows:
        check = suites.get(row["check_id"])
        suppressed = check.suppressed if check and check.suppressed and day <= check.suppressed.until else None
        told = {name: safe(row[name]) for name in ("check_id", "suite", "expectation", "column_name", "observed_value")}
        found.append({**row, **told, "check": check, "suppressed": suppressed})
    return found


def _checks(subject: str) -> dict[str, Check]:
    """Return the checks of a subject's suite as it is now; one that was changed since bears another identifier."""
    try:
        return {check.check_id: check for check in load_suite(subject).checks}
    except SuiteError:
        return {}


def safe(told: str | None) -> str | None:
    """Return a text of a result if it can be nobody's: else None, which the page shows as withheld."""
    return "" if told is None else None if _UNTOLD.search(told) else told


def limits(lang: Lang, check: Check) -> str:
    """Return what a check asks for: its bounds, its values, its share of rows."""
    return "; ".join(_limits(partial(texts.text, lang), dict(check.kwargs)))


def _limits(t: Any, asked: dict[str, Any]) -> Iterator[str]:
    for name in ("column", "column_list", "ignore_row_if", "condition_parser"):
        asked.pop(name, None)
    if "column_A" in asked:
        sign = "≥" if asked.pop("or_equal", False) else ">"
        yield f"{asked.pop('column_A')} {sign} {asked.pop('column_B', '')}"
    for name, strict, signs in (("min_value", "strict_min", "≥>"), ("max_value", "strict_max", "≤<")):
        if asked.get(name) is not None:
            yield f"{signs[bool(asked.pop(strict, False))]} {_value(asked.pop(name))}"
    if "value_set" in asked:
        values = asked.pop("value_set")
        more = " …" if len(values) > MOST_VALUES else ""
        yield t("reports.one_of", values=", ".join(map(_value, values[:MOST_VALUES])) + more)
    if "mostly" in asked:
        yield t("reports.mostly", share=f"{100 * asked.pop('mostly'):g}")
    if "row_condition" in asked:
        yield t("reports.where", condition=asked.pop("row_condition"))
    yield from (f"{name} {_value(value)}" for name, value in asked.items())


def _value(value: Any) -> str:
    if not (isinstance(value, dict) and "$PARAMETER" in value):
        return str(value)
    times = f" × {value['times']:g}" if "times" in value else ""
    plus = f" {'+' if value['plus'] >= 0 else '−'} {abs(value['plus']):g}" if "plus" in value else ""
    return f"{value['$PARAMETER']}{times}{plus}"


def _write(at: Place, content: bytes) -> None:
    with storage.drafted(at, _READABLE) as file:
        file.write(content)


def _keep_only(folder: Place, names: Sequence[str]) -> None:
    """Remove what is not among ``names``, and a folder that holds nothing."""
    if not folder.is_dir():
        return
    paths: list[Place] = list(folder.iterdir())
    for path in paths:
        if path.name not in names:
            path.unlink()
    if not names:
        folder.rmdir()


if __name__ == "__main__":
    write_reports()
