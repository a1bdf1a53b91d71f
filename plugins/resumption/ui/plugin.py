"""What Airflow loads by the entry point: in every process, so nothing is imported before it is asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/resumption"


class ResumptionPlugin(AirflowPlugin):
    """The pages and their entry in the navigation; only the API server asks for the app and so imports it."""

    name = "resumption"
    external_views = [  # noqa: RUF012 Airflow's own declaration is a plain list
        {
            "name": "Resumption",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "resumption",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override] # a plain list would import the app everywhere
        """The app and where it is mounted."""
        from resumption.ui.app import create_app

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "Resumption"}]
