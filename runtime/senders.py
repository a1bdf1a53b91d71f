"""The senders a run reads from: the simulator, started here, or real ones, found through Airflow connections only.

`python -m runtime.senders connections.env` prints the simulator's connections for `airflow connections import`.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime import processes
from runtime.home import Home, RunError, wait_until

NAME = "simulator"
CONNECTIONS = ("registry_api", "module_api", "carrier_mobile_sftp", "grid_sftp")
EXAMPLE = "AIRFLOW_CONN_REGISTRY_API='http://:TOKEN@registry.example:8080'"


def variable(connection: str) -> str:
    """The environment variable in which Airflow looks for a connection."""
    return f"AIRFLOW_CONN_{connection.upper()}"


def external(variables: Mapping[str, str]) -> dict[str, str]:
    """The connections to senders that are already there.

    Raises RunError naming all that are missing.
    """
    missing = [variable(name) for name in CONNECTIONS if not variables.get(variable(name))]
    if missing:
        raise RunError(
            f"SENDERS=external needs the senders as Airflow connections in the environment; missing: "
            f"{', '.join(missing)}. One is set like this: {EXAMPLE}"
        )
    return {variable(name): variables[variable(name)] for name in CONNECTIONS}


def read_connections(text: str) -> dict[str, str]:
    """Connections as the simulator writes them down: `AIRFLOW_CONN_…='value'` a line, quoted for a shell."""
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: value for name, _, value in pairs if name.startswith("AIRFLOW_CONN_")}


def simulator_folder(home: Home) -> Path:
    """Where the simulator keeps what it sends."""
    return home.folder("simulator")


def simulated(home: Home, arguments: Sequence[str], seconds: float = 180) -> dict[str, str]:
    """Start the simulator's servers unless they run, and wait until they answer; the connections to them.

    `arguments` say which district.
    """
    folder = simulator_folder(home)
    connections = folder / "connections.env"
    process = processes.running(home, NAME)
    if process is None:
        connections.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator", "serve", "--home", str(folder), *arguments]
        process = processes.start(home, NAME, command, dict(os.environ))
    wait_until(lambda: connections.exists() or not processes.alive(process), seconds)
    if not connections.exists():
        raise RunError(f"the simulator did not come up; its log ends:\n{processes.tail(home, NAME)}")
    return read_connections(connections.read_text(encoding="utf-8"))


if __name__ == "__main__":
    found = read_connections(Path(sys.argv[1]).read_text(encoding="utf-8"))
    named = {name.removeprefix("AIRFLOW_CONN_").lower(): json.loads(value) for name, value in found.items()}
    print(json.dumps(named))
