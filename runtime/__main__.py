"""`python -m runtime run|ui|stop|trigger|warehouse|warehouse-url|migrate|psql|known`: what the Makefile calls."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import replace
from types import FrameType

from runtime import run
from runtime import trigger as by_hand
from runtime.backfill import Days
from runtime.home import Home, RunError, say

TAKING_ALL = {"psql": run.psql, "known": run.known, "migrate": run.migrate}
"""Commands that hand their options on."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m runtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "ui"):
        command = commands.add_parser(name)
        command.add_argument("--scale", type=float, help="share of the district that the simulator plays")
        command.add_argument("--senders", choices=(run.SIMULATOR, run.EXTERNAL))
        if name == "run":
            command.add_argument("--days", type=Days.parse, required=True, help="2020-02-23..2020-02-25")
    command = commands.add_parser("trigger")
    command.add_argument("dag")
    command.add_argument("--conf", type=by_hand.form, default={})
    for name in ("stop", "warehouse", "warehouse-url"):
        commands.add_parser(name)
    for name in TAKING_ALL:
        commands.add_parser(name, add_help=False)
    return parser


def _source(options: argparse.Namespace, last: run.Source | None) -> run.Source:
    default = last or run.Source(run.SIMULATOR, 0.1)
    scale = default.scale if options.scale is None else options.scale
    if not 0 < scale <= 100:
        raise RunError(f"SCALE is a share of the district above 0, like 0.1; it was {scale:g}")
    return replace(default, senders=options.senders or default.senders, scale=scale)


def _do(options: argparse.Namespace, rest: list[str], home: Home) -> int:
    if options.command == "run":
        return run.run(home, _source(options, run.last_source(home)), options.days)
    if options.command == "ui":
        return run.ui(home, _source(options, run.last_source(home)))
    if options.command == "stop":
        say(f"stopped {run.stop(home)} processes")
        return 0
    if options.command == "trigger":
        return by_hand.trigger(home, options.dag, options.conf)
    if options.command in TAKING_ALL:
        return TAKING_ALL[options.command](home, rest)
    return {"warehouse": run.warehouse, "warehouse-url": run.warehouse_url}[options.command](home)


def main() -> int:
    """Run one command; problems that a person can mend end as one message and exit code 1."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        options, rest = _parser().parse_known_args()
        if rest and options.command not in TAKING_ALL:
            _parser().error(f"unknown: {' '.join(rest)}")
        return _do(options, rest, Home.from_environment())
    except RunError as problem:
        say(f"make: {problem}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
