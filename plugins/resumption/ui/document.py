"""The briefing as files: ``python -m resumption.ui.document --day 2020-02-25 [--out folder]``.

``briefing-<day>.html`` holds everything it needs, in Chinese and English, and prints on A4; ``briefing-<day>.xlsx``
holds the same figures, heads in Chinese with English below.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from resumption import ops
from resumption.briefing.picture import Picture, picture
from resumption.settings import SettingError
from resumption.ui import texts
from resumption.ui import workbook as excel
from resumption.ui.pages import STATIC, environment
from resumption.ui.showing import scope_name, shown_in, unit_name
from resumption.ui.texts import Lang
from resumption.ui.words import Words


def html(shown: Picture) -> str:
    """Return the briefing as a page that needs nothing from anywhere."""
    parts = [
        {"lang": lang, "title": texts.text(lang, "briefing.file_title", day=shown.day), "body": _body(lang, shown)}
        for lang in texts.LANGS
    ]
    style = Markup("<style>{}</style>").format(Markup((STATIC / "site.css").read_text(encoding="utf-8")))
    return environment().get_template("document.html").render(title=parts[0]["title"], parts=parts, style=style)


def _body(lang: Lang, shown: Picture) -> Markup:
    names = {"lang": lang, "t": partial(texts.text, lang), **shown_in(lang, shown)}
    return Markup(environment().get_template("_picture.html").render(names))


def workbook(shown: Picture) -> bytes:
    """Return the figures as an .xlsx, a sheet a section; what is hidden says so."""
    return excel.workbook(
        *(
            excel.Sheet(
                texts.text("zh", f"briefing.{name}"),
                [[texts.text(lang, f"briefing.{head}") for head in heads] for lang in texts.LANGS],
                [["不公开 hidden" if value is None else value for value in row] for row in rows],
                names=1,
            )
            for name, heads, rows in _sheets(shown)
        )
    )


def _sheets(shown: Picture) -> list[tuple[str, Sequence[str], list[list[Any]]]]:
    """Sheets with the keys of their heads and their rows."""

    def both(name: Any, *given: str) -> str:
        return " ".join(dict.fromkeys(name(lang, *given) for lang in texts.LANGS))

    def value(lang: Lang, kind: str, code: str) -> str:
        return texts.text(lang, f"values.{kind}.{code}")

    rates = ("denominator", "resumed", "official_rate", "corroborated_rate")
    scopes = [[both(scope_name, row["scope"]), *(row[key] for key in rates)] for row in shown.scopes]
    units = [
        [both(unit_name, u.unit), u.denominator, u.resumed, u.official_rate, u.index]
        for u in shown.units
        if u.unit != "unallocated"
    ]
    employees = [[both(value, "decision", row.decision), row.employees] for row in shown.employees]
    homes = [[both(value, "scenario", row.scenario), row.homes, row.hidden] for row in shown.scenarios]
    returnees = [
        [both(value, "state", row.state), both(value, "key_level", row.key_level), row.episodes, row.hidden]
        for row in shown.returnees
    ]
    feeds = [
        [
            both(lambda lang, name: Words(lang).feed(name), feed.feed),
            both(texts.text, f"briefing.status_{feed.status.replace(' ', '_')}"),
            # A feed that did not come has no count, not none.
            *("" if n is None else n for n in (feed.rows_accepted, feed.rows_quarantined)),
        ]
        for feed in shown.feeds
    ]
    return [
        ("sheet_scopes", ("scope", "firms", "resumed", "official", "corroborated"), scopes),
        ("sheet_units", ("unit", "firms", "resumed", "official", "index"), units),
        ("sheet_employees", ("decision", "persons"), employees),
        ("sheet_homes", ("scenario", "homes", "hidden_communities"), homes),
        ("sheet_returnees", ("state", "origin", "episodes", "hidden_weeks"), returnees),
        ("sheet_feeds", ("feed", "status", "accepted", "quarantined"), feeds),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(prog="python -m resumption.ui.document", description=__doc__)
    parser.add_argument("--day", required=True, type=dt.date.fromisoformat, help="business date, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, default=Path(), help="folder, by default the current one")
    given = parser.parse_args(arguments)
    try:
        with ops.engine().connect() as conn:
            shown = picture(conn, given.day)
    except SettingError as error:
        sys.exit(str(error))
    if not shown.scopes:
        sys.exit(f"{given.day} has no published figures: run the DAG consolidated for this business date first")
    given.out.mkdir(parents=True, exist_ok=True)
    for name, content in (("html", html(shown).encode()), ("xlsx", workbook(shown))):
        path = given.out / f"briefing-{given.day}.{name}"
        path.write_bytes(content)
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
