"""What the pipeline's assets are called outside of Airflow: datasets by OpenLineage's naming.

The package says so to Airflow as a provider of the URI scheme ``resumption`` (entry point ``apache_airflow_provider``).
Where no OpenLineage transport is configured, nothing here is called. A dataset bears its place and nothing else: no
rows, no counts, no password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from resumption import settings

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset

SCHEME = "resumption"
POSTGRES_PORT = 5432


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow asks a provider for: whose URIs these are."""
    uris = {"schemes": [SCHEME], "handler": None, "to_openlineage_converter": f"{__name__}.to_openlineage"}
    return {
        "package-name": "resumption",
        "name": "Resumption",
        "description": "Datasets of the resumption pipeline",
        "asset-uris": [uris],
    }


def to_openlineage(asset: Any, lineage_context: Any) -> Dataset:
    """Return the dataset of an asset: ``resumption://landing/<feed>``, ``…//lake/<feed>``, ``…//mart/<table>``.

    Raises:
        ValueError: the URI names no such place.
    """
    from openlineage.client.event_v2 import Dataset

    place, name = urlsplit(asset.uri).netloc, urlsplit(asset.uri).path.strip("/")
    if place == "mart":
        warehouse = urlsplit(settings.warehouse_url())
        server = f"postgres://{warehouse.hostname}:{warehouse.port or POSTGRES_PORT}"
        return Dataset(namespace=server, name=f"{warehouse.path.strip('/')}.mart.{name}")
    roots = {"landing": str(settings.landing_path()), "lake": f"{settings.lake_url()}/feeds"}
    if place not in roots:
        raise ValueError(f"asset {asset.uri}: expected one of {', '.join([*roots, 'mart'])} after {SCHEME}://")
    root = urlsplit(f"{roots[place]}/{name}")
    if root.scheme in ("", "file"):
        return Dataset(namespace="file", name=root.path)
    return Dataset(namespace=f"{root.scheme}://{root.netloc}", name=root.path.strip("/"))
