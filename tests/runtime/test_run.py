"""What a person sees: errors that say what to do, one line for a URL, folders that never mix two districts."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date

import pytest

from runtime import postgres, run, senders
from runtime.backfill import Days
from runtime.home import ROOT, Home, RunError, free_port, token_key


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runtime", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_external_senders_need_their_connections_and_all_missing_ones_are_named() -> None:
    given = {"AIRFLOW_CONN_MODULE_API": "http://:x@127.0.0.1:1", "AIRFLOW_CONN_GRID_SFTP": ""}
    with pytest.raises(RunError) as problem:
        senders.external(given)
    text = str(problem.value)
    for name in ("AIRFLOW_CONN_REGISTRY_API", "AIRFLOW_CONN_CARRIER_MOBILE_SFTP", "AIRFLOW_CONN_GRID_SFTP"):
        assert name in text.partition("missing:")[2].partition(".")[0]
    assert "AIRFLOW_CONN_MODULE_API" not in text


def test_external_senders_are_missed_before_anything_starts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in senders.CONNECTIONS:
        monkeypatch.delenv(senders.variable(name), raising=False)
    done = command("run", "--senders", "external", "--scale", "0.1", "--days", "2020-02-25")
    assert done.returncode == 1
    assert "AIRFLOW_CONN_REGISTRY_API" in done.stderr
    assert "Traceback" not in done.stderr
    assert not postgres.data_folder(home).exists()


@pytest.mark.parametrize(("conf", "said"), [("{}", "make ui"), ("[1]", "JSON object"), ("{day", "JSON object")])
def test_a_run_by_hand_needs_airflow_and_a_form(conf: str, said: str, home: Home) -> None:
    done = command("trigger", "restate", "--conf", conf)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert said in done.stderr


def test_days() -> None:
    assert Days.parse("2020-02-23..2020-02-25") == Days(date(2020, 2, 23), date(2020, 2, 25))
    assert Days.parse("2020-02-28..2020-03-01").each() == ["2020-02-28", "2020-02-29", "2020-03-01"]
    assert len(Days.parse("2020-02-25")) == 1


@pytest.mark.parametrize("text", ["", "yesterday", "2020-02-30", "2020-02-25..2020-02-23", "2020-02-23-2020-02-25"])
def test_days_that_are_none_are_refused(text: str, home: Home) -> None:
    with pytest.raises(RunError, match="DAYS"):
        Days.parse(text)
    done = command("run", "--days", text)
    assert done.returncode == 1
    assert "DAYS" in done.stderr


@pytest.mark.parametrize("scale", ["0", "-1", "1000"])
def test_a_scale_that_is_none_is_refused(scale: str, home: Home) -> None:
    done = command("run", "--days", "2020-02-25", f"--scale={scale}")
    assert (done.returncode, "SCALE" in done.stderr) == (1, True)


def test_the_warehouse_url_is_all_that_is_printed(home: Home) -> None:
    server = postgres.start(home)
    postgres.stop(home)
    done = command("warehouse-url")
    assert done.stdout == server.url("warehouse") + "\n"
    assert done.stdout.startswith("postgresql+psycopg://")


def test_without_a_warehouse_there_is_no_url(home: Home) -> None:
    done = command("warehouse-url")
    assert (done.returncode, done.stdout) == (1, "")
    assert "make warehouse" in done.stderr


def test_stopping_nothing_is_fine(home: Home) -> None:
    assert command("stop").returncode == 0


def test_synthetic_data_of_another_scale_is_thrown_away(home: Home) -> None:
    run.settle_source(home, run.Source(run.SIMULATOR, 0.1))
    (home.folder("lake") / "rows").touch()
    run.settle_source(home, run.Source(run.SIMULATOR, 0.1))
    assert (home.path / "lake" / "rows").exists()
    run.settle_source(home, run.Source(run.SIMULATOR, 1))
    assert not (home.path / "lake").exists()
    assert run.last_source(home) == run.Source(run.SIMULATOR, 1)


def test_real_data_is_never_thrown_away(home: Home) -> None:
    run.settle_source(home, run.Source(run.EXTERNAL, 0.1))
    (home.folder("lake") / "rows").touch()
    with pytest.raises(RunError, match="another run folder"):
        run.settle_source(home, run.Source(run.SIMULATOR, 0.1))
    assert (home.path / "lake" / "rows").exists()


def test_a_warehouse_outside_is_never_emptied(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    run.settle_source(home, run.Source(run.SIMULATOR, 0.1))
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql+psycopg://somewhere/else")
    with pytest.raises(RunError, match="WAREHOUSE_URL"):
        run.settle_source(home, run.Source(run.SIMULATOR, 0.2))


def test_the_token_key_is_made_once_unless_it_is_given(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = token_key(home)
    assert len(bytes.fromhex(made)) == 32
    assert token_key(home) == made
    assert (home.path / "token.key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", "given")
    assert token_key(home) == "given"


def test_a_taken_port_is_passed_over() -> None:
    first = free_port(18080)
    assert free_port(18080, taken=(first,)) != first


def test_make_says_which_python_it_needs() -> None:
    done = subprocess.run(
        ["make", "env", "PYTHON="], cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.returncode != 0
    assert "3.11" in done.stderr


def test_make_alone_lists_every_target() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("run", "ui", "stop", "warehouse-url", "test", "check", "new-feed", "new-table"):
        assert f"make {target} " in done.stdout
