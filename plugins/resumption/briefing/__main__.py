"""``python -m resumption.briefing --day 2020-02-25`` prints the briefing of a business date."""

from __future__ import annotations

import argparse
import datetime as dt
import sys

import sqlalchemy as sa

from resumption import ops
from resumption.briefing import picture, render
from resumption.briefing.figures import main_reasons, stale_tables
from resumption.briefing.hindsight import hindsight
from resumption.settings import SettingError


def main() -> None:
    """Print the briefing."""
    parser = argparse.ArgumentParser(prog="python -m resumption.briefing", description=__doc__)
    parser.add_argument("--day", required=True, type=dt.date.fromisoformat, help="business date, YYYY-MM-DD")
    day = parser.parse_args().day
    try:
        with ops.engine().connect() as conn:
            if not sa.inspect(conn).has_table(ops.feed_delivery.name, schema="ops"):
                sys.exit("the warehouse has no tables yet: run `python -m resumption.warehouse create`")
            print(render(picture(conn, day), main_reasons(conn, day), stale_tables(conn, day)))
            before = picture(conn, day - dt.timedelta(days=1))
        print("\n" + "\n".join(hindsight(before)))
    except SettingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
