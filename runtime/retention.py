"""`make retention`, `make shut-down`: delete what has passed its time in the run folder, or all of it for good."""

from __future__ import annotations

import os
import subprocess
import sys

from runtime import airflow, postgres
from runtime.home import KEY_FILE, Home, RunError, say, token_key
from runtime.rekey import NEXT

COPIES = ("simulator", "reports", "logs", "airflow", "exports")
"""What lies in the run folder beside the zones and may hold copies: the senders played, pages, logs."""

KEYS = (KEY_FILE, NEXT)


def retention(home: Home, options: list[str]) -> int:
    """Run `python -m resumption.retention` on the run folder; its exit code.

    Raises RunError when all is to be destroyed while Airflow runs.
    """
    ending = options[:1] == ["shut-down"]
    if ending:
        if airflow.is_running(home):
            raise RunError("Airflow is running: `make stop` first")
        options = [*options, "--copies", *(str(home.path / name) for name in COPIES)]
        options += ["--key-files", *(str(home.path / name) for name in KEYS)]
    with postgres.warehouse_up(home) as url:
        places = {"RESUMPTION_HOME": str(home.path), "WAREHOUSE_URL": url}
        places |= {} if ending else {"RESUMPTION_TOKEN_KEY": token_key(home)}
        command = [sys.executable, "-m", "resumption.retention", *options]
        code = subprocess.run(command, env=os.environ | places, check=False).returncode
    if ending and code == 0 and (os.environ.get("RESUMPTION_TOKEN_KEY") or os.environ.get("RESUMPTION_TOKEN_KEY_FILE")):
        say("the master key comes from elsewhere: destroy it where it is kept; backups sealed with it open until then")
    return code


def main() -> int:
    """Run the command; the exit code."""
    try:
        return retention(Home.from_environment(), sys.argv[1:])
    except RunError as problem:
        say(f"make {'shut-down' if sys.argv[1:2] == ['shut-down'] else 'retention'}: {problem}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
