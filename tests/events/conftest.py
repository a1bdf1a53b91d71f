"""A real Airflow with three of the project's DAGs, a subscriber, a small district's senders and a lineage backend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest

from runtime import airflow, postgres, processes
from runtime.api import Airflow
from runtime.home import ROOT, Home, wait_until
from simulator.district import District
from simulator.senders.servers import SenderServers
from tests.events.world import DAGS, FIRST, LAST, SUBSCRIBER, Backend, Done, World

CORRECTED = "update ops.feed_delivery set rows_hash = 'otherwise' where feed = 'city_cases' and business_date = %s"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything up: PostgreSQL, Airflow's four processes, senders, a lineage backend."""
    home, dags, backend = Home(tmp_path_factory.mktemp("events")), tmp_path_factory.mktemp("dags"), Backend()
    for name in DAGS:
        (dags / f"{name}.py").symlink_to(ROOT / "dags" / f"{name}.py")
    page = (ROOT / "docs" / "subscribing.md").read_text(encoding="utf-8")
    (dags / "subscriber.py").write_text(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], encoding="utf-8")
    district = District(seed=11, scale=0.01, start=date(2020, 2, 20), end=LAST)
    with pytest.MonkeyPatch.context() as patch, SenderServers(district, tmp_path_factory.mktemp("senders")) as servers:
        for name in ("WAREHOUSE_URL", "LAKE_URL", "LANDING_URL", "VAULT_URL", "RESUMPTION_TOKEN_KEY"):
            patch.delenv(name, raising=False)
        patch.setenv("RESUMPTION_DAGS_FOLDER", str(dags))
        patch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", backend.transport)
        patch.setenv("AIRFLOW__OPENLINEAGE__NAMESPACE", "resumption")
        # Runs for assets come of the schedule too; no business date is due by the clock before this one.
        patch.setenv("RESUMPTION_START", "2099-01-01")
        try:
            yield _up(home, servers.connections, backend)
        finally:
            processes.stop_all(home, spare=(postgres.NAME,))
            postgres.stop(home)
            backend.close()


def _up(home: Home, connections: dict[str, str], backend: Backend) -> World:
    postgres.start(home)
    variables = {**airflow.environment(home, scheduled=True), **connections}
    airflow.migrate(home, variables)
    airflow.start(home, variables)
    database = (postgres.warehouse_url(home) or "").replace("+psycopg", "")
    with pytest.MonkeyPatch.context() as patch:
        from resumption import ops
        from resumption.warehouse import create_all

        patch.setenv("WAREHOUSE_URL", variables["WAREHOUSE_URL"])
        create_all(ops.engine())
    client = Airflow(airflow.login(home))
    airflow.wait_healthy(home, client.healthy)
    client.ensure_pool("senders", 4, "senders")
    assert wait_until(lambda: client.dag_ids() >= {*DAGS, SUBSCRIBER}, 60, pause=0.3), client.import_errors()
    return World(home, client, backend, database)


@pytest.fixture(scope="session")
def done(world: World) -> dict[str, Done]:
    """One feed is taken in and two days are built; then the first day's file turns out otherwise."""
    runs = {"feed": world.run("city_cases", LAST)}
    runs |= {str(day): world.run("consolidated", day) for day in (FIRST, LAST)}
    runs["nothing"] = world.run("restate")
    world.change(CORRECTED, FIRST)
    return runs | {"restated": world.run("restate")}
