"""A headless Airflow under the run folder: api-server, scheduler, dag-processor and triggerer."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from runtime import postgres, processes
from runtime.home import (
    ROOT,
    Home,
    RunError,
    free_port,
    is_free,
    keep_secret,
    read_json,
    token_key,
    wait_until,
    write_private,
)

# The api-server reads the task logs from disk: the log servers, which listen on every address, are not started.
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
ADMIN = "admin"
UI_PORT = 8080
DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "AIRFLOW_CONFIG", "AIRFLOW_HOME")


@dataclass(frozen=True)
class Login:
    """Where the UI is and who may in."""

    url: str
    user: str
    password: str


def _folder(home: Home) -> Path:
    return home.folder("airflow")


def _port(home: Home) -> int:
    """The UI's port in this run folder: last time's while it is free or ours, else the next free one from 8080."""
    path = _folder(home) / "port"
    remembered = int(read_json(path, UI_PORT))
    usable = processes.running(home, "api-server") or is_free(remembered)
    chosen = remembered if usable else free_port(UI_PORT)
    write_private(path, f"{chosen}\n")
    return chosen


def is_running(home: Home) -> bool:
    """Whether all of Airflow's processes of this run folder live."""
    return all(processes.running(home, name) for name in COMPONENTS)


def login(home: Home) -> Login:
    """The UI's address and the administrator, whose password is made once for a run folder."""
    port = read_json(_folder(home) / "port", UI_PORT)
    password = keep_secret(_folder(home) / "admin.password", lambda: secrets.token_urlsafe(12))
    return Login(f"http://127.0.0.1:{port}", ADMIN, password)


def _secret(home: Home, name: str, make: Callable[[], str] | None = None) -> str:
    path = _folder(home) / f"{name}.key"
    return keep_secret(path, make or (lambda: secrets.token_urlsafe(64)))


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _passwords_file(home: Home) -> Path:
    """SimpleAuthManager's password file; written before the api-server starts, else it makes up its own."""
    path = _folder(home) / "passwords.json"
    write_private(path, json.dumps({ADMIN: login(home).password}))
    return path


def _settings(home: Home, metadata_url: str, scheduled: bool) -> dict[str, str]:
    """Airflow's options, `section.option`; reasons stand beside those whose default does harm here."""
    port = _port(home)
    url = f"http://127.0.0.1:{port}"
    return {
        "core.dags_folder": os.environ.get("RESUMPTION_DAGS_FOLDER", str(ROOT / "dags")),
        "core.plugins_folder": str(home.folder("airflow/plugins")),  # the package registers itself by entry point
        "core.executor": "LocalExecutor",
        "core.parallelism": "4",
        "core.load_examples": "False",
        "core.dags_are_paused_at_creation": "False",
        "core.default_timezone": "Asia/Shanghai",
        "core.execution_api_server_url": f"{url}/execution/",
        "core.simple_auth_manager_users": f"{ADMIN}:admin",
        "core.simple_auth_manager_passwords_file": str(_passwords_file(home)),
        "core.fernet_key": _secret(home, "fernet", _fernet_key),
        "database.sql_alchemy_conn": metadata_url,
        "database.sql_alchemy_conn_async": metadata_url,  # psycopg 3 does both; the default would want asyncpg
        "api.host": "127.0.0.1",
        "api.port": str(port),
        "api.base_url": url,
        "api.workers": "1",
        "api.secret_key": _secret(home, "api"),
        "api_auth.jwt_secret": _secret(home, "jwt"),
        "logging.base_log_folder": str(home.folder("logs/tasks")),
        "scheduler.scheduler_idle_sleep_time": "0.2",  # the default second is most of a short task's time
        "scheduler.use_job_schedule": str(scheduled),
        "dag_processor.refresh_interval": "20",
        "dag_processor.parsing_processes": "2",
        # Nothing is sent unless a transport is set. The form of this DAG holds free text, which events would carry on;
        # and a forked process would inherit locks of the threads that DuckDB and Arrow have started.
        "openlineage.emission_policy": json.dumps([{"scope": {"dag_id": "quarantine"}, "controls": {"emit": False}}]),
        "openlineage.execute_in_thread": "True",
        "usage_data_collection.enabled": "False",
    }


def environment(home: Home, scheduled: bool = False) -> dict[str, str]:
    """The environment of Airflow's processes and so of every task, all but the connections to the senders.

    Unless `scheduled`, nothing runs by the clock, only what is asked for: a run of today would take in everything that
    the senders have, whatever business dates were meant. Raises RunError when there is no warehouse.
    """
    server = postgres.last_server(home)
    warehouse = postgres.warehouse_url(home)
    if server is None or warehouse is None:
        raise RunError("Airflow needs the warehouse first: run `make warehouse`")
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    for option, value in _settings(home, server.url("airflow"), scheduled).items():
        section, _, key = option.partition(".")
        kept.setdefault(f"AIRFLOW__{section}__{key}".upper(), value)
    search = [str(ROOT / "config"), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **kept,
        processes.MARK: str(home.path),
        "AIRFLOW_HOME": str(_folder(home)),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, search)),
        "RESUMPTION_HOME": str(home.path),
        "RESUMPTION_TOKEN_KEY": token_key(home),
        "LAKE_URL": os.environ.get("LAKE_URL") or str(home.path / "lake"),
        "LANDING_URL": os.environ.get("LANDING_URL") or str(home.path / "landing"),
        "WAREHOUSE_URL": warehouse,
        "TZ": "Asia/Shanghai",
    }


def migrate(home: Home, variables: dict[str, str]) -> None:
    """Bring the metadata database to this Airflow's schema; skipped when this very database has been brought there."""
    mark = home.path / "postgres" / "data" / "airflow.migrated"
    if mark.exists() and mark.read_text(encoding="utf-8") == version("apache-airflow"):
        return
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    with processes.log_path(home, "migrate").open("wb") as log:
        done = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if done.returncode != 0:
        raise RunError(f"airflow db migrate failed; its log ends:\n{processes.tail(home, 'migrate')}")
    mark.write_text(version("apache-airflow"), encoding="utf-8")


def start(home: Home, variables: dict[str, str]) -> None:
    """Start what does not run yet of Airflow's processes."""
    for name, arguments in COMPONENTS.items():
        if processes.running(home, name) is None:
            processes.start(home, name, [sys.executable, "-m", "airflow", *arguments], variables)


def wait_healthy(home: Home, healthy: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until Airflow answers that all of it is well; raises RunError with the log of what died or hangs."""

    def settled() -> bool:
        return not is_running(home) or healthy()

    came_up = wait_until(settled, seconds, pause=0.25)
    dead = [name for name in COMPONENTS if processes.running(home, name) is None]
    if dead:
        raise RunError(f"Airflow's {dead[0]} ended; its log ends:\n{processes.tail(home, dead[0])}")
    if not came_up:
        raise RunError(f"Airflow is not healthy after {seconds:.0f} s; its logs lie in {home.logs}")
