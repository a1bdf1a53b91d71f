"""Metrics: what a StatsD server and an OpenTelemetry collector hear of a feed and its tables is what ``ops`` holds."""

from __future__ import annotations

import atexit
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from airflow.sdk._shared.observability.metrics.otel_logger import flush_otel_metrics
from opentelemetry import metrics as otel
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from resumption import consolidate, metrics, ops, pipeline, settings
from resumption.consolidate import building
from resumption.contracts import feed_names, load_table, table_names
from resumption.pipeline import receiving
from resumption.warehouse import create_all
from tests.pipeline.sender import DAY, Sender

FEED = "city_cases"
TABLES = ("employee_screening", "enterprise")
FIXTURE = settings.project_root() / "tests" / "fixtures" / "feeds" / FEED / "city_cases_20200225.csv"
LINE = re.compile(r"airflow\.([a-z.]+),subject=(\w+),stage=(\w+),outcome=(\w+):([0-9.]+)\|(c|ms)")

Heard = dict[tuple[str, str, str, str], float]
"""Metric, subject, stage, outcome → the sum."""


def add(heard: Heard, name: str, tags: tuple[str, str, str], value: float) -> None:
    heard[(name, *tags)] = heard.get((name, *tags), 0) + value


@pytest.fixture(scope="module")
def in_a_task() -> Iterator[Callable[..., None]]:
    """Prepares metrics as Airflow's task runner does before a task, with options of its section ``metrics``."""
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics import stats_utils

    with pytest.MonkeyPatch.context() as patch:

        def prepare(**options: str) -> None:
            for name in ("STATSD_ON", "OTEL_ON"):
                patch.setenv(f"AIRFLOW__METRICS__{name}", "False")
            for name, value in options.items():
                patch.setenv(f"AIRFLOW__METRICS__{name}", value)
            patch.setenv("AIRFLOW_CTX_TASK_ID", "publish")
            stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)

        yield prepare
        prepare()


def work(patch: pytest.MonkeyPatch) -> None:
    """Land and publish a feed, then build two tables; without a registry that of the enterprises is kept back."""
    data = FIXTURE.read_bytes()
    sender = Sender(FEED).has(FIXTURE.name, data, data.count(b"\n") - 1)
    patch.setattr(receiving, "open_source", lambda _: sender)
    patch.setattr(building, "table_names", lambda: TABLES)
    create_all(ops.engine(), [load_table(name) for name in table_names()])
    pipeline.land(FEED, DAY, "metrics")
    pipeline.publish(FEED, DAY, "metrics")
    with suppress(consolidate.KeptBackError):
        consolidate.build(DAY, "metrics")


@pytest.fixture(scope="module")
def lines(warehouse: sa.Engine, in_a_task: Callable[..., None]) -> list[str]:
    """What a StatsD server hears of it all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, pytest.MonkeyPatch.context() as patch:
        server.bind(("127.0.0.1", 0))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        in_a_task(
            STATSD_ON="True", STATSD_INFLUXDB_ENABLED="True",
            STATSD_HOST="127.0.0.1", STATSD_PORT=str(server.getsockname()[1]),
        )  # fmt: skip
        work(patch)
        heard = []
        server.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                heard += server.recv(65536).decode().splitlines()
        return heard


@pytest.fixture(scope="module")
def sums(lines: list[str]) -> Heard:
    """The same in sums."""
    heard: Heard = {}
    for line in lines:
        match = LINE.fullmatch(line)
        assert match, f"a name, three tags of the project's own words, a number: {line}"
        add(heard, match[1], (match[2], match[3], match[4]), float(match[5]))
    return heard


def test_rows_and_bytes_are_those_of_the_outcome_rows(warehouse: sa.Engine, sums: Heard) -> None:
    query = sa.text("select rows_accepted, rows_quarantined, rows_ignored from ops.feed_delivery")
    with warehouse.connect() as conn:
        accepted, quarantined, ignored = conn.execute(query).one()
    told = [sums.get((metrics.ROWS, FEED, "publish", of), 0) for of in ("accepted", "quarantined", "ignored")]
    assert told == [accepted, quarantined, ignored]
    assert min(accepted, quarantined) > 0
    for stage in ("land", "publish"):
        assert sums[metrics.BYTES, FEED, stage, "ok"] == FIXTURE.stat().st_size


def test_tables_are_told_as_they_were_built(warehouse: sa.Engine, sums: Heard) -> None:
    with warehouse.connect() as conn:
        query = sa.text('select table_name, outcome, "rows" from ops.table_build')
        built = {(table, outcome): rows for table, outcome, rows in conn.execute(query)}
    assert {outcome for _, outcome in built} == {"published", "kept_back"}
    lasted = {(subject, of) for name, subject, stage, of in sums if (name, stage) == (metrics.DURATION, "build")}
    assert lasted == set(built)
    rows = {
        (subject, of): n for (name, subject, stage, of), n in sums.items() if (name, stage) == (metrics.ROWS, "build")
    }
    assert rows == {key: count for key, count in built.items() if count}


def test_every_stage_tells_how_many_milliseconds_it_took(sums: Heard) -> None:
    for stage in ("land", "conform", "check", "commit", "publish"):
        assert 0 < sums[metrics.DURATION, FEED, stage, "ok"] < 600_000
    parts = sum(sums[metrics.DURATION, FEED, stage, "ok"] for stage in ("conform", "check", "commit"))
    assert parts < sums[metrics.DURATION, FEED, "publish", "ok"]
    assert sums[metrics.DURATION, "consolidated", "models", "ok"] > 0


def test_a_tag_is_a_word_of_the_projects_own(sums: Heard) -> None:
    assert {subject for _, subject, _, _ in sums} <= {*feed_names(), *table_names(), "consolidated"}
    assert {stage for _, _, stage, _ in sums} == {"land", "conform", "check", "commit", "publish", "models", "build"}
    outcomes = {"ok", "accepted", "quarantined", "ignored", "published", "kept_back"}
    assert {outcome for *_, outcome in sums} <= outcomes


def test_a_stage_that_fails_is_told_as_failed(in_a_task: Callable[..., None]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        in_a_task(STATSD_ON="True", STATSD_INFLUXDB_ENABLED="True", STATSD_PORT=str(server.getsockname()[1]))
        with pytest.raises(ValueError, match="damage"), metrics.timed("conform", FEED):
            raise ValueError("damage")
        assert server.recv(1000).startswith(
            f"airflow.{metrics.DURATION},subject={FEED},stage=conform,outcome=failed:".encode()
        )


def test_a_collector_hears_the_same_by_opentelemetry(
    in_a_task: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[ExportMetricsServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(
                ExportMetricsServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    try:
        in_a_task(OTEL_ON="True")
        metrics.emit("publish", FEED, "ok", 1.5, rows={"accepted": 7, "quarantined": 2, "ignored": 0}, size=90)
        otel.get_meter_provider().shutdown()  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        atexit.unregister(flush_otel_metrics)  # nobody listens any more
    assert collected(requests) == {
        (f"airflow.{metrics.ROWS}", FEED, "publish", "accepted"): 7,
        (f"airflow.{metrics.ROWS}", FEED, "publish", "quarantined"): 2,
        (f"airflow.{metrics.BYTES}", FEED, "publish", "ok"): 90,
        (f"airflow.{metrics.DURATION}", FEED, "publish", "ok"): timedelta(seconds=1.5) / timedelta(milliseconds=1),
    }


def collected(requests: list[ExportMetricsServiceRequest]) -> Heard:
    heard: Heard = {}
    found = [
        metric
        for request in requests
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if ".pipeline." in metric.name
    ]
    for metric in found:
        for point in [*metric.sum.data_points, *metric.exponential_histogram.data_points]:
            tags = {attribute.key: attribute.value.string_value for attribute in point.attributes}
            value = point.as_int if hasattr(point, "as_int") else point.sum
            add(heard, metric.name, (tags.pop("subject"), tags.pop("stage"), tags.pop("outcome")), value)
            assert not tags
    return heard


def test_outside_a_task_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.observability import stats

    monkeypatch.delenv("AIRFLOW_CTX_TASK_ID", raising=False)
    monkeypatch.setattr(stats, "timing", lambda *_, **__: pytest.fail("told"))
    metrics.emit("publish", FEED, "ok", 1.0)
