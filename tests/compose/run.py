"""The whole stack of docker-compose.yaml, as a team would run it: ``python tests/compose/run.py``.

Built, brought up, a day of a district loaded through it; then emptied and loaded twice more, while its parts are killed
and while two schedulers lose the store and the senders. Each time the tables must be those the simulator expects, and
the same as undisturbed. In the end everything that was written, the containers' logs too, is searched for personal
data. It needs a Docker engine and root on its machine. Whatever happens, nothing of it stays.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from resumption.contracts import feed_names
from runtime import containers
from runtime.airflow import Login
from runtime.api import Airflow
from runtime.backfill import CONSOLIDATED, Days, backfill, wait_for_dags
from runtime.home import RunError, free_port, say, step, wait_until

DAY = Days.parse("2020-02-25")
STAY = {"postgres", "broker", "s3", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "simulator"}
GONE = 20.0
PATIENCE = 240.0


class Patient(Airflow):
    """A client that asks again while the api-server, or its database, is away."""

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One call below /api/v2."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return super().call(method, path, **options)
            except (requests.RequestException, RunError):
                if method != "GET" or time.monotonic() > end:
                    raise
                time.sleep(2)


@dataclass(frozen=True)
class Fault:
    """What is done to a service, and during which task."""

    service: str
    does: Callable[[str], None]
    during: str = ""


def compose(*arguments: str, given: str | None = None) -> str:
    """Run `docker compose` and return its output."""
    command = ["docker", "compose", "--project-directory", str(ROOT), "--profile", "simulator", *arguments]
    done = subprocess.run(command, input=given, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(
            f"compose: docker compose {arguments[0]} failed (exit {done.returncode}): {done.stdout[-2000:]}"
        )
    return done.stdout


def docker(*arguments: str) -> list[str]:
    """Run `docker`; the words of its output."""
    return subprocess.check_output(["docker", *arguments], text=True).split()


def inside(script: str, *arguments: str, given: str | None = None) -> str:
    """Run one of the scripts beside this one in a worker's container."""
    text = (ROOT / "tests/compose" / script).read_text(encoding="utf-8")
    entrypoint = "/opt/resumption/containers/entrypoint.sh"
    return compose("exec", "-T", "worker", entrypoint, "python", "-c", text, *arguments, given=given)


def ask(database: str, query: str) -> list[str]:
    """The lines of a query's answer, from PostgreSQL itself."""
    return compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", database, "-Atc", query).splitlines()


def load(client: Airflow, dags: Sequence[str], title: str) -> None:
    """Load the day through Airflow's backfills; a run may only fail where a check has said why."""
    runs = backfill(client, list(dags), DAY, title, 900)
    failed = [run.dag for run in runs if run.state != "success"]
    day = f"business_date = '{DAY.first}'"
    refused = (
        set(ask("warehouse", f"select feed from ops.feed_run where status = 'failed' and {day}")) if failed else ()
    )
    accidents = [dag for dag in failed if dag not in refused]
    assert not accidents, f"failed without a check that says so: {accidents}"


def nothing_is_stuck() -> bool:
    """Whether no run and no task waits or works any more."""
    over = "('success', 'failed', 'skipped', 'upstream_failed', 'removed')"
    runs = ask("airflow", f"select dag_id from dag_run where state not in {over}")
    tasks = ask("airflow", f"select dag_id, task_id, state from task_instance where state not in {over}")
    return not runs + tasks


def expectation() -> str:
    """What the simulator expects of the day."""
    home = ("--home", "/var/lib/simulator", "--out", "/var/lib/simulator/expected.json")
    district = ("--scale", os.environ["SCALE"], "--through", str(DAY.last), "--registry-first", str(DAY.first))
    compose("exec", "-T", "simulator", "python", "-m", "simulator", "expect", *home, *district)
    return compose("exec", "-T", "simulator", "cat", "/var/lib/simulator/expected.json")


def clear() -> None:
    """Forget all that was loaded; keys and Airflow's history stay."""
    statements = (
        "drop database warehouse with (force)",
        "create database warehouse owner resumption",
        "revoke all on database warehouse from public",
    )
    for statement in statements:
        ask("postgres", statement)
    inside("clear.py")


def kill(service: str) -> None:
    """SIGKILL every process of a service's container; the engine starts it again."""
    pid = docker("inspect", "-f", "{{.State.Pid}}", compose("ps", "-q", service).split()[0])[0]
    os.kill(int(pid), 9)  # not `docker kill`, after which a restart policy does nothing


def stop_and_start(service: str) -> None:
    """Have a service away for a while."""
    compose("stop", "--timeout", "5", service)
    time.sleep(GONE)
    compose("start", service)


def cut_off(service: str) -> None:
    """Have a service out of reach for a while."""
    container = compose("ps", "-q", service).split()[0]
    network = f"{os.environ['COMPOSE_PROJECT_NAME']}_outside"
    docker("network", "disconnect", network, container)
    time.sleep(GONE)
    docker("network", "connect", "--alias", service, network, container)


KILLED = (
    *(Fault(service, kill) for service in ("worker", "scheduler", "broker", "s3", "api-server", "postgres")),
    Fault("postgres", kill, f"{CONSOLIDATED}.build"),
    Fault("worker", kill, f"{CONSOLIDATED}.build"),  # the last: dead, it seems to run until its heartbeat is missed
)
GONE_AND_BACK = (
    Fault("simulator", cut_off),
    Fault("s3", stop_and_start),
    Fault("s3", stop_and_start, f"{CONSOLIDATED}.build"),
)


def unwell() -> str:
    """Which parts are not up and healthy."""
    states = [json.loads(line) for line in compose("ps", "--format", "json").splitlines() if line]
    well = {state["Service"] for state in states if state["State"] == "running" and state["Health"] == "healthy"}
    bad = {state["Service"] for state in states if state["State"] != "running" or state["Health"] != "healthy"}
    return ", ".join(sorted(bad | (STAY - well)))


def suffer(client: Airflow, faults: Sequence[Fault]) -> None:
    """One fault after the other, each while something runs; say how long everything took to be well again."""
    for fault in faults:
        assert wait_until(
            lambda fault=fault: any(fault.during in task for task in client.running_tasks()),  # type: ignore[misc]
            PATIENCE,
            0.2,
        ), f"nothing runs in which {fault.service} could fail"
        during = fault.during or "a feed's task"
        began = time.monotonic()
        fault.does(fault.service)
        time.sleep(1)
        assert wait_until(lambda: not unwell(), PATIENCE, 1), f"after {fault.service} died, not well: {unwell()}"
        name = f"{fault.service}: {fault.does.__name__.replace('_', ' ')} in {during}"
        say(f"    {name:<58}healthy after {time.monotonic() - began:6.1f} s")


def loaded(login: Login, faults: Sequence[Fault] = ()) -> None:
    """Load the feeds, then the tables, while the faults happen to them."""
    feeds = sorted(feed_names())
    with ThreadPoolExecutor(1) as beside:
        for dags, title in ((feeds, "feeds"), ([CONSOLIDATED], CONSOLIDATED)):
            wanted = [fault for fault in faults if bool(fault.during) == (title == CONSOLIDATED)]
            began = time.monotonic()
            suffered = beside.submit(suffer, Patient(login), wanted)
            load(Patient(login), dags, title)
            say(f"    {title} loaded in {time.monotonic() - began:.0f} s, {len(wanted)} faults")
            suffered.result()
    assert wait_until(lambda: not unwell(), PATIENCE, 1), unwell()
    assert wait_until(nothing_is_stuck, PATIENCE, 2), "runs or tasks are stuck"


@contextmanager
def everything_taken_down() -> Iterator[None]:
    """Whatever happens, end everything and see that nothing is left."""
    try:
        yield
    except BaseException:
        print(compose("ps", "--all"), compose("logs", "--tail", "40"), file=sys.stderr)
        raise
    finally:
        with step("taken down"):
            ours = compose("ps", "--all", "-q").split()
            mounts = "{{range .Mounts}}{{if .Name}}{{.Name}} {{end}}{{end}}"
            volumes = set(docker("inspect", "-f", mounts, *ours)) if ours else set()
            compose("down", "--volumes", "--timeout", "5")
            label = f"label=com.docker.compose.project={os.environ['COMPOSE_PROJECT_NAME']}"
            left = docker("ps", "-aq", "--filter", label) + docker("network", "ls", "-q", "--filter", label)
            left += sorted(volumes & set(docker("volume", "ls", "-q")))
            assert not left, f"left behind: {left}"


def main() -> None:
    """Everything, in order."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port(18080)
        os.environ.update(
            COMPOSE_PROJECT_NAME=f"resumption-test-{secrets.token_hex(3)}",
            RESUMPTION_SECRETS=str(Path(folder) / "secrets"),
            RESUMPTION_PORT=str(port),
            RESUMPTION_IMAGE="resumption:test",
            PAUSED_AT_CREATION="false",
            SCHEDULED="false",
            HEARTBEAT_TIMEOUT="60",
            QUEUED_TIMEOUT="120",
            SCALE=os.environ.get("SCALE", "0.02"),
        )
        with everything_taken_down():
            with step("image built, everything up and healthy"):
                containers.up(simulator=True)
            password = (Path(folder) / "secrets" / "admin.password").read_text().strip()
            login = Login(f"http://127.0.0.1:{port}", "admin", password)
            wait_for_dags(Airflow(login), [*feed_names(), CONSOLIDATED], 180)
            with step("a district's day loaded"):
                loaded(login)
            with step("the tables are what the simulator expects"):
                expected = expectation()
                first = inside("inside.py", str(DAY.first), given=expected)
            with step("loaded from nothing while parts are killed, the same tables"):
                clear()
                loaded(login, KILLED)
                assert inside("inside.py", str(DAY.first), given=expected) == first
            with step("loaded by two schedulers, senders and store away, the same tables"):
                clear()
                compose("up", "--detach", "--no-recreate", "--no-deps", "--scale", "scheduler=2", "scheduler")
                loaded(login, GONE_AND_BACK)
                assert inside("inside.py", str(DAY.first), given=expected) == first
            with step("a search for personal data in all that was written"):
                say(inside("leaks.py", given=compose("logs", "--no-color")))


if __name__ == "__main__":
    main()
