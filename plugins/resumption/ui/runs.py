"""Runs of DAGs: their page in Airflow, their state, and starting one in a visitor's name."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from resumption.ui.pages import base


def run_address(request: Request, dag: str, run_id: str) -> str:
    """Return the address of a run's page in Airflow, beside which the pages are mounted."""
    airflow = base(request).rpartition("/")[0]
    return f"{airflow}/dags/{quote(dag, safe='')}/runs/{quote(run_id, safe='')}"
