"""`make rekey`: another master key for the run folder, with everything carried over to it.

The new key is RESUMPTION_NEW_TOKEN_KEY, else one made now. The key that the run folder keeps is replaced at the end; a
run that was killed is begun again and ends with the same new key.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

from runtime import airflow, postgres
from runtime.home import KEY_FILE, Home, RunError, keep_secret, say, token_key, write_private

NEXT = f"{KEY_FILE}.next"


def new_key(home: Home) -> str:
    """The key to carry over to: RESUMPTION_NEW_TOKEN_KEY, else one made once and kept until it is in place."""
    given = os.environ.get("RESUMPTION_NEW_TOKEN_KEY")
    if given:
        write_private(home.path / NEXT, given + "\n")
    return keep_secret(home.path / NEXT, lambda: secrets.token_hex(32))


def rekey(home: Home, options: list[str]) -> int:
    """Carry over with `python -m resumption.rekey`; its exit code.

    Raises RunError when Airflow runs: nothing may read or write meanwhile.
    """
    if airflow.is_running(home):
        raise RunError("Airflow is running and would go on with the old key: `make stop` first")
    with postgres.warehouse_up(home) as url:
        keys = {"RESUMPTION_TOKEN_KEY": token_key(home), "RESUMPTION_NEW_TOKEN_KEY": new_key(home)}
        places = {"RESUMPTION_HOME": str(home.path), "WAREHOUSE_URL": url}
        command = [sys.executable, "-m", "resumption.rekey", *options]
        code = subprocess.run(command, env=os.environ | places | keys, check=False).returncode
    if code == 0:
        _put_in_place(home)
    return code


def _put_in_place(home: Home) -> None:
    """Make the new key the run folder's own, or say who must do it."""
    if os.environ.get("RESUMPTION_TOKEN_KEY") or os.environ.get("RESUMPTION_TOKEN_KEY_FILE"):
        say(f"the new key lies in {home.path / NEXT}: put it where the old one comes from, then delete that file")
    else:
        (home.path / NEXT).replace(home.path / KEY_FILE)


def main() -> int:
    """Re-key the run folder; the exit code."""
    try:
        return rekey(Home.from_environment(), sys.argv[1:])
    except RunError as problem:
        say(f"make rekey: {problem}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
