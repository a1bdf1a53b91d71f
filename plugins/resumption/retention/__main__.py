"""``python -m resumption.retention run|shut-down``: delete what has passed its time; end all purposes."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from resumption.ops import ProofRow
from resumption.retention import HoldError, RetentionError, clock, retain
from resumption.retention.shutdown import CONFIRMATION, ShutdownError, shut_down
from resumption.settings import SettingError


def main() -> int:
    """Run the command named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m resumption.retention", description=__doc__)
    parser.add_argument("--by", default=getpass.getuser(), help="who asks for it; by default the login")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="delete what has passed its time and prove it")
    run.add_argument("--as-of", type=date.fromisoformat, help="business date; by default the latest loaded or today")
    run.add_argument("--dry-run", action="store_true", help="say what would go, delete nothing")
    end = commands.add_parser("shut-down", help="end all purposes and destroy what was taken in for them")
    end.add_argument("--confirm", default="", help=f"must be {CONFIRMATION!r}")
    end.add_argument("--copies", type=Path, nargs="*", default=[], help="files and folders that hold copies")
    end.add_argument("--key-files", type=Path, nargs="*", default=[], help="files that hold the master key")
    given = parser.parse_args()
    run_id = f"manual__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    try:
        if given.command == "shut-down":
            shut_down(given.confirm, by=given.by, run_id=run_id, copies=given.copies, key_files=given.key_files)
            return 0
        as_of = given.as_of or clock(_live_from())
        if as_of is None:
            print("nothing was loaded yet: there is nothing to delete")
            return 0
        _print(retain(as_of, by=given.by, run_id=run_id, dry_run=given.dry_run), as_of, given.dry_run)
    except (HoldError, RetentionError, ShutdownError, SettingError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _live_from() -> date | None:
    given = os.environ.get("RESUMPTION_START")
    return date.fromisoformat(given) if given else None


def _print(proofs: Sequence[ProofRow], as_of: date, dry_run: bool) -> None:
    word = "would go" if dry_run else "deleted"
    print(f"as of {as_of}:")
    for proof in proofs:
        days = sorted(proof.partitions)
        span = f"of {days[0]}..{days[-1]}" if days else ""
        held = ", ".join(f"held by {name}: {kept}" for name, kept in proof.held.items() if kept is not None)
        lapsed = ", ".join(f"{name} has lapsed" for name, kept in proof.held.items() if kept is None)
        if proof.deleted or held or lapsed:
            told = "; ".join(part for part in (held, lapsed) if part)
            print(f"  {proof.place:<8}{proof.subject:<28}{proof.deleted:>9} {word} {span} {told}".rstrip())
    print(f"  {sum(proof.deleted for proof in proofs)} rows and files {word}", end="")
    print("" if dry_run else f"; {sum(proof.looked_at for proof in proofs)} looked at: none is left")


if __name__ == "__main__":
    sys.exit(main())
