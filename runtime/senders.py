"""The senders a run reads from: the simulator, started here, or real ones, found through Airflow connections only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping

from runtime import processes
from runtime.home import Home, RunError

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


def read_connections(home: Home) -> dict[str, str]:
    """What the simulator wrote down: `AIRFLOW_CONN_…=value` a line; empty while it has not."""
    try:
        lines = home.connections.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if line.startswith("AIRFLOW_CONN_"))
    return {name: value for name, _, value in pairs}


def simulated(home: Home, scale: float, seconds: float = 120) -> dict[str, str]:
    """Start the simulator's servers unless they run, and wait until they answer; the connections to them."""
    process = processes.running(home, NAME)
    if process is None:
        home.connections.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator", "serve", "--home", str(home.path), "--scale", str(scale)]
        process = processes.start(home, NAME, command, dict(os.environ))
    end = time.monotonic() + seconds
    while True:
        found = read_connections(home)
        if all(variable(name) in found for name in CONNECTIONS):
            return found
        if not processes.alive(process) or time.monotonic() > end:
            raise RunError(f"the simulator did not come up; its log ends:\n{processes.tail(home, NAME)}")
        time.sleep(0.1)
