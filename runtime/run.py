"""What `make run`, `make ui`, `make stop`, `make warehouse` do, in the order in which it happens."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from runtime import airflow, postgres, processes, senders
from runtime.api import Airflow, Run
from runtime.backfill import CONSOLIDATED, Days, backfill, wait_for_dags
from runtime.home import ROOT, Home, RunError, read_json, say, step, write_private

SIMULATOR, EXTERNAL = "simulator", "external"
DERIVED = ("lake", "landing")
FIRST_DAY = "2020-02-10"  # work could be taken up again


def simulator_version() -> str:
    """A fingerprint of the simulator's code."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "simulator").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Source:
    """Whose data a run folder holds.

    The dates are the simulator's first and last business date; `simulator` is a fingerprint of its code, as another
    version of it plays another district.
    """

    senders: str
    scale: float
    start: str = FIRST_DAY
    through: str = "2020-02-25"
    simulator: str = field(default_factory=simulator_version)

    @property
    def district(self) -> tuple[str, float, str, str]:
        """What must not change while data is kept; external senders are what they are."""
        return ("", 0, "", "") if self.senders == EXTERNAL else (SIMULATOR, self.scale, self.start, self.simulator)

    @property
    def described(self) -> str:
        """For a message."""
        return f"the simulator's at scale {self.scale:g}" if self.senders == SIMULATOR else "that of external senders"

    def covering(self, days: Days) -> Source:
        """The same source, its simulated dates covering the dates to load."""
        start, version = min(FIRST_DAY, str(days.first)), simulator_version()
        return replace(self, start=start, through=str(days.last), simulator=version)

    def arguments(self) -> list[str]:
        """The simulator's options for this district."""
        return ["--scale", f"{self.scale:g}", "--start", self.start, "--through", self.through]


def _source_file(home: Home) -> Path:
    return home.path / "source.json"


def last_source(home: Home) -> Source | None:
    """Whose data the run folder holds; None when it is new."""
    found = read_json(_source_file(home), None)
    return Source(**found) if found else None


def settle_source(home: Home, wanted: Source) -> None:
    """Make sure that one run folder never mixes two districts.

    Synthetic data of another one is thrown away; real data never is: RunError tells to take another folder.
    """
    had = last_source(home)
    if had and had.district != wanted.district:
        outside = [name for name in ("WAREHOUSE_URL", "LAKE_URL", "LANDING_URL") if os.environ.get(name)]
        if had.senders == EXTERNAL or outside:
            raise RunError(
                f"{home.path} holds data that is not thrown away ({had.described}"
                f"{', ' + ' and '.join(outside) + ' set' if outside else ''}) and {wanted.described} was asked for. "
                f"Take another run folder: RUN=.run-other"
            )
        say(f"  the run folder held {had.described}: thrown away, to load {wanted.described}")
        stop(home)
        forget(home)
    write_private(_source_file(home), json.dumps(asdict(wanted)))


def loaded_days(home: Home) -> Days | None:
    """The first and the last business date that runs in this folder have loaded."""
    found = read_json(home.path / "loaded.json", None)
    return Days.parse(f"{found[0]}..{found[1]}") if found else None


def _remember_loaded(home: Home, days: Days) -> None:
    before = loaded_days(home) or days
    span = [str(min(before.first, days.first)), str(max(before.last, days.last))]
    write_private(home.path / "loaded.json", json.dumps(span))


def forget(home: Home) -> None:
    """Throw away what was loaded; secrets, ports and logins stay. Nothing may run."""
    for name in DERIVED:
        shutil.rmtree(home.path / name, ignore_errors=True)
    shutil.rmtree(postgres.data_folder(home), ignore_errors=True)
    (home.path / "loaded.json").unlink(missing_ok=True)


def _module(home: Home, variables: dict[str, str], *arguments: str, show: bool = False) -> None:
    """Run a module of the package; its output goes to stdout when `show`, else to a log that an error quotes."""
    name = arguments[0].rpartition(".")[2]
    with processes.log_path(home, name).open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=variables,
            cwd=ROOT,
            check=False,
            stderr=log,
            stdout=None if show else log,
        )
    if done.returncode != 0:
        command = f"python -m {shlex.join(arguments)}"
        raise RunError(f"`{command}` failed (exit {done.returncode}):\n{processes.tail(home, name)}")


def _together(*jobs: Callable[[], None]) -> None:
    """Run some jobs at the same time; the first problem is raised once all have ended."""
    problems: list[Exception] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as problem:  # noqa: BLE001 - it is raised again below, in the main thread
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)  # short waits, so that Ctrl-C is heard
    if problems:
        raise problems[0]


def _connections(home: Home, source: Source) -> dict[str, str]:
    if source.senders == EXTERNAL:
        return senders.external(os.environ)
    return senders.simulated(home, source.arguments())


def is_up(home: Home, source: Source) -> bool:
    """Whether everything runs that a run from this source needs."""
    fed = source.senders == EXTERNAL or processes.running(home, senders.NAME) is not None
    return fed and airflow.is_running(home) and postgres.is_running(home) and last_source(home) == source


def up(home: Home, source: Source, scheduled: bool = False) -> Airflow:
    """Bring up what does not run yet: warehouse, senders, Airflow, the warehouse's tables; a client to Airflow."""
    if source.senders == EXTERNAL:
        senders.external(os.environ)
    if not is_up(home, source):  # what is up in part, or for other senders, would be found with their addresses
        processes.stop_all(home, spare=(postgres.NAME,))
    settle_source(home, source)
    with step("PostgreSQL"):
        postgres.start(home)
    variables = airflow.environment(home, scheduled)

    def senders_up() -> None:
        with step(f"senders ({source.senders})"):
            variables.update(_connections(home, source))

    def metadata() -> None:
        with step("Airflow's metadata"):
            airflow.migrate(home, variables)

    def tables() -> None:
        with step("warehouse tables"):
            _module(home, variables, "resumption.warehouse", "create")

    client = Airflow(airflow.login(home))

    def healthy() -> None:
        with step("Airflow: api-server, scheduler, dag-processor, triggerer"):
            airflow.start(home, variables)
            airflow.wait_healthy(home, client.healthy)

    _together(senders_up, metadata)
    _together(tables, healthy)
    client.ensure_pool("senders", 4, "Connections to senders at one time")
    return client


def stop(home: Home) -> int:
    """End everything that was started for the run folder; how many processes there were.

    PostgreSQL goes last and quickly: the others use it while they end, and it waits for nobody.
    """
    count = len(processes.belonging(home))
    processes.stop_all(home, spare=(postgres.NAME,))
    postgres.stop(home)
    processes.stop_all(home)
    return count


@contextmanager
def _ending(home: Home, keep: bool) -> Iterator[None]:
    """Leave nothing running, whatever happens; with `keep`, only when it goes wrong."""
    try:
        yield
    except BaseException:
        say("  stopping what was started")
        stop(home)
        raise
    if not keep:
        with step("everything stopped"):
            stop(home)


def feed_dags() -> list[str]:
    """The feeds' DAGs: one a contract, of its name."""
    contracts = importlib.import_module("resumption.contracts")
    return sorted(contracts.feed_names())


def refused_by_checks(home: Home, runs: list[Run]) -> set[tuple[str, str]]:
    """The (feed, day) that `ops.feed_run` records as failed: a verdict on the data, not an accident."""
    import psycopg

    url = postgres.warehouse_url(home) or ""
    wanted = [run.day for run in runs]
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        rows = connection.execute(
            "select feed, business_date::text from ops.feed_run"
            " where status = 'failed' and business_date::text = any(%s)",
            (wanted,),
        ).fetchall()
    return {(str(feed), str(day)) for feed, day in rows}


def _report(client: Airflow, home: Home, failed: list[Run]) -> bool:
    """Say which runs failed and why; whether there were any that no check explains."""
    expected = refused_by_checks(home, failed) if failed else set()
    accidents = False
    for run in sorted(failed, key=lambda run: (run.day, run.dag)):
        by_check = (run.dag, run.day) in expected
        accidents |= not by_check
        what = "refused; the last good partition stays" if by_check else "failed"
        tasks = ", ".join(client.failed_tasks(run))
        say(f"    {run.dag} {run.day}: {what} (task {tasks or 'unknown'}; logs/tasks/dag_id={run.dag})")
    return accidents


def run(home: Home, source: Source, days: Days) -> int:
    """Load the business dates and print the briefing of the last; the exit code."""
    began = time.monotonic()
    source = source.covering(days)
    keep = is_up(home, source)  # `make ui` had it up: it stays up
    with _ending(home, keep):
        client = up(home, source)
        feeds = feed_dags()
        patience = 600 + 1200 * source.scale
        with step("DAGs known"):
            wait_for_dags(client, [*feeds, CONSOLIDATED])
        with step(f"feeds loaded, {days}"):
            fed = backfill(client, feeds, days, "feeds", patience)
        with step(f"tables built, {days}"):
            built = backfill(client, [CONSOLIDATED], days, CONSOLIDATED, patience)
        _remember_loaded(home, days)
        accidents = _report(client, home, [r for r in fed + built if r.state == "failed"])
        built_all = all(r.state == "success" for r in built)
        variables = airflow.environment(home)
        _module(home, variables, "resumption.briefing", "--day", str(days.last), show=True)
        _module(home, variables, "resumption.alerts", show=True)
    say(f"  done in {time.monotonic() - began:.0f} s")
    print(where_next(home, keep), flush=True)
    if accidents or not built_all:
        say("make run: some runs failed without a check that says so; they are named above")
        return 1
    return 0


def where_next(home: Home, stays_up: bool) -> str:
    """Where to look next, as the last lines of a run."""
    login = airflow.login(home)
    opened = login.url if stays_up else f"`make ui`, then {login.url}"
    lake = os.environ.get("LAKE_URL") or str(home.path / "lake")
    figures = "select scope, denominator, resumed, official_rate from mart.resumption_summary where level = 'district'"
    return f"""
Where to look next
  UI          {opened}   login {login.user} / {login.password}
  SQL         make psql SQL="{figures}"
  any client  make warehouse; psql "$(make -s warehouse-url | sed s/+psycopg//)"
  data files  {lake}/feeds/<feed> (Delta: Parquet and a log), {home.path / "landing"} (as delivered)
  logs        {home.logs}
  to end all  make stop"""


def ui(home: Home, source: Source | None) -> int:
    """Bring everything up and leave it up."""
    wanted = source or last_source(home) or Source(SIMULATOR, 0.1)
    with _ending(home, keep=True):
        up(home, wanted, scheduled=wanted.senders == EXTERNAL)
    print(where_next(home, stays_up=True), flush=True)
    return 0


def warehouse(home: Home) -> int:
    """Start the warehouse alone, with its tables."""
    if os.environ.get("WAREHOUSE_URL"):
        say("the warehouse is the one WAREHOUSE_URL names; there is nothing to start")
        return 0
    with _ending(home, keep=True):
        with step("PostgreSQL"):
            postgres.start(home)
        with step("warehouse tables"):
            _module(home, airflow.environment(home), "resumption.warehouse", "create")
    say("the warehouse runs; its address: make warehouse-url, to end it: make stop")
    return 0


def warehouse_url(home: Home) -> int:
    """Print the warehouse's SQLAlchemy URL and nothing else."""
    url = postgres.warehouse_url(home)
    if url is None:
        raise RunError("there has been no warehouse in this run folder yet: run `make warehouse`")
    print(url)
    return 0


def psql(home: Home, arguments: list[str]) -> int:
    """Open psql on the warehouse, started for it if need be."""
    with postgres.warehouse_up(home) as url:
        target = url.replace("postgresql+psycopg://", "postgresql://", 1)
        return subprocess.run([postgres.binary("psql"), "-d", target, *arguments], check=False).returncode


def migrate(home: Home, arguments: list[str]) -> int:
    """Run `python -m resumption.warehouse` on the warehouse: bring it to this version, or back, or write a revision."""
    with postgres.warehouse_up(home) as url:
        command = [sys.executable, "-m", "resumption.warehouse", *arguments]
        return subprocess.run(command, env=os.environ | {"WAREHOUSE_URL": url}, check=False).returncode


def known(home: Home, arguments: list[str]) -> int:
    """Print a table as it was known at a moment."""
    with postgres.warehouse_up(home):
        command = [sys.executable, "-m", "resumption.known", *arguments]
        return subprocess.run(command, env=airflow.environment(home), check=False).returncode
