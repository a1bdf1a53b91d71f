"""Carry everything over to another master key: ``python -m resumption.rekey [--drop-unknown]``.

The keys come from ``RESUMPTION_TOKEN_KEY`` (old; or its file) and ``RESUMPTION_NEW_TOKEN_KEY`` (new).
"""

from __future__ import annotations

import argparse
import os
import sys

from resumption import settings
from resumption.rekey import RekeyError, rekey
from resumption.sealing import SealError


def main() -> int:
    """Re-key and print the counts; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m resumption.rekey", description=__doc__)
    parser.add_argument("--drop-unknown", action="store_true", help="give up tokens that the vault does not know")
    drop_unknown = parser.parse_args().drop_unknown
    new = os.environ.get("RESUMPTION_NEW_TOKEN_KEY", "")
    if not new:
        print("re-key: RESUMPTION_NEW_TOKEN_KEY is not set: expected the new master key", file=sys.stderr)
        return 2
    try:
        report = rekey(settings.token_key(), new.encode(), drop_unknown=drop_unknown, tell=_tell)
    except (RekeyError, SealError, settings.SettingError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"re-keyed: {report.identities} identities, {report.tokens.total()} tokens carried over, "
        f"{sum(report.unknown.values())} unknown ones dropped, {report.files['landing']} deliveries and "
        f"{report.files['vault']} blocks of the vault sealed anew. No old token is left. "
        "From now on RESUMPTION_TOKEN_KEY must be the new key"
    )
    return 0


def _tell(line: str) -> None:
    print(f"  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
