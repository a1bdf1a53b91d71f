"""The whole stack of docker-compose.yaml, as a team would run it: ``python tests/compose/run.py``.

Built, brought up, a day of a district loaded through it, loaded again while its parts are killed, the tables compared
each time, taken down. It needs a Docker engine. Whatever happens, nothing of it stays.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from resumption.contracts import feed_names
from runtime import containers
from runtime.airflow import Login
from runtime.api import Airflow
from runtime.backfill import CONSOLIDATED, Days, backfill, wait_for_dags
from runtime.home import free_port, say, step, wait_until

DAY = Days.parse("2020-02-25")
WORKER = ("/opt/resumption/containers/entrypoint.sh", "python", "-")
KILLED = ("worker", "scheduler", "broker", "postgres")


def compose(*arguments: str, given: str | None = None) -> str:
    """Run `docker compose` and return its output."""
    command = ["docker", "compose", "--project-directory", str(ROOT), "--profile", "simulator", *arguments]
    done = subprocess.run(command, input=given, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(
            f"compose: docker compose {arguments[0]} failed (exit {done.returncode}): {done.stdout[-2000:]}"
        )
    return done.stdout


def load(client: Airflow) -> None:
    """Load the day through Airflow's backfills."""
    for dags, title in ((sorted(feed_names()), "feeds"), ([CONSOLIDATED], CONSOLIDATED)):
        runs = backfill(client, dags, DAY, title, 900)
        failed = [f"{run.dag} {run.day}" for run in runs if run.state != "success"]
        refused = _refused()
        accidents = [name for name in failed if name.split()[0] not in refused]
        assert not accidents, f"failed without a check that says so: {accidents}"


def _refused() -> set[str]:
    query = f"select feed from ops.feed_run where status = 'failed' and business_date = '{DAY.first}'"
    said = compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "warehouse", "-Atc", query)
    return set(said.split())


def tables(expected: str) -> str:
    """Compare the tables with the expectation; return their fingerprints."""
    script = (ROOT / "tests/compose/inside.py").read_text(encoding="utf-8")
    command = ["/opt/resumption/containers/entrypoint.sh", "python", "-c", script, str(DAY.first)]
    return compose("exec", "-T", "worker", *command, given=expected)


def expectation() -> str:
    """What the simulator expects of the day."""
    home = ("--home", "/var/lib/simulator", "--out", "/var/lib/simulator/expected.json")
    district = ("--scale", os.environ["SCALE"], "--through", str(DAY.last), "--registry-first", str(DAY.first))
    compose("exec", "-T", "simulator", "python", "-m", "simulator", "expect", *home, *district)
    return compose("exec", "-T", "simulator", "cat", "/var/lib/simulator/expected.json")


def kill(service: str) -> None:
    """SIGKILL every process of a service's container; the engine starts it again."""
    container = compose("ps", "-q", service).split()[0]
    pid = subprocess.check_output(["docker", "inspect", "-f", "{{.State.Pid}}", container], text=True).strip()
    os.kill(int(pid), 9)  # not `docker kill`, after which a restart policy does nothing
    say(f"  killed: {service}")


def all_well() -> bool:
    states = [json.loads(line) for line in compose("ps", "--format", "json").splitlines() if line]
    return all(state["Health"] in ("healthy", "") and state["State"] == "running" for state in states)


def disturbed(client: Airflow) -> None:
    """Load the day again while one part after the other dies."""
    killers = [threading.Timer(20 + 25 * n, kill, (service,)) for n, service in enumerate(KILLED)]
    for killer in killers:
        killer.start()
    try:
        load(client)
    finally:
        for killer in killers:
            killer.join()


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
            SCALE=os.environ.get("SCALE", "0.02"),
        )
        try:
            with step("image built, everything up and healthy"):
                containers.up(simulator=True)
            password = (Path(folder) / "secrets" / "admin.password").read_text().strip()
            client = Airflow(Login(f"http://127.0.0.1:{port}", "admin", password))
            wait_for_dags(client, [*feed_names(), CONSOLIDATED], 180)
            with step("a district's day loaded"):
                load(client)
            with step("the tables are what the simulator expects"):
                expected = expectation()
                first = tables(expected)
            with step(f"loaded again while {', '.join(KILLED)} die"):
                _again(client)
            with step("everything is well again, the tables are the same"):
                assert wait_until(all_well, 240, 3), compose("ps")
                assert tables(expected) == first
        except BaseException:
            print(compose("ps", "--all"), compose("logs", "--tail", "40"), file=sys.stderr)
            raise
        finally:
            with step("taken down"):
                compose("down", "--volumes", "--timeout", "5")


def _again(client: Airflow) -> None:
    started = time.monotonic()
    disturbed(client)
    say(f"  {time.monotonic() - started:.0f} s with {len(KILLED)} parts killed")


if __name__ == "__main__":
    main()
