"""``python -m resumption.scaffold feed|table NAME [--root DIR]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from resumption import settings
from resumption.scaffold import ScaffoldError, scaffold

NEXT = {
    "feed": "describe its real columns in the contract, then `make test`; docs/adding-a-feed.md",
    "table": "write its SQL and describe its columns, then `make test`; docs/adding-a-table.md",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Scaffold what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m resumption.scaffold", description=__doc__)
    parser.add_argument("kind", choices=["feed", "table"])
    parser.add_argument("name", help="snake_case, for example mask_stock")
    parser.add_argument("--root", type=Path, default=None, help="the project's folder (default: this one)")
    given = parser.parse_args(arguments)
    root = (given.root or settings.project_root()).resolve()
    try:
        written = scaffold(given.kind, given.name, root)
    except ScaffoldError as error:
        print(f"scaffold: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(f"wrote {path.relative_to(root)}")
    print(f"next: {NEXT[given.kind]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
