"""A new feed or a new table as working files to start from.

A feed is one contract, one suite, one DAG module and one fixture; a table is one model, one contract and one suite.
What is written runs as it is and is meant to be changed: ``docs/adding-a-feed.md``, ``docs/adding-a-table.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Kind = Literal["feed", "table"]

TEMPLATES = Path(__file__).with_name("templates")

# Template → where it goes below the project's folder.
FILES: Mapping[Kind, Mapping[str, str]] = {
    "feed": {
        "feed.odcs.yaml.tmpl": "include/contracts/{name}.odcs.yaml",
        "feed.json.tmpl": "expectations/{name}.json",
        "feed.py.tmpl": "dags/{name}.py",
        "feed.csv.tmpl": "tests/fixtures/feeds/{name}/{name}_20200225.csv",
    },
    "table": {
        "table.sql.tmpl": "include/sql/marts/{name}.sql",
        "table.yaml.tmpl": "include/sql/marts/{name}.yaml",
        "table.json.tmpl": "expectations/{name}.json",
    },
}


class ScaffoldError(ValueError):
    """A name that cannot be used, or a file that is there already; the message says which."""


def scaffold(kind: Kind, name: str, root: Path) -> list[Path]:
    """Write the files of a new feed or table below ``root`` and return their paths.

    Nothing is written unless all of it can be.

    Raises:
        ScaffoldError: the name is not snake_case, or one of the files exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 50:
        raise ScaffoldError(
            f"name of a {kind}: expected snake_case of at most 50 letters like mask_stock, got {name!r}"
        )
    texts = {root / place.format(name=name): _text(template, name) for template, place in FILES[kind].items()}
    taken = [str(path.relative_to(root)) for path in texts if path.exists()]
    if taken:
        raise ScaffoldError(f"{name}: nothing was written, since there is already {', '.join(taken)}")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _text(template: str, name: str) -> str:
    # not str.format: the templates are full of braces
    return (TEMPLATES / template).read_text(encoding="utf-8").replace("@NAME@", name)
