"""Where things are: the run folder, the lake, the landing zone, the warehouse and the token key.

Everything is read from the environment at the moment it is asked for, so that a process started by Airflow, by
``make`` or by a test sees its own values. Nothing is created here.

| variable | meaning | default |
| --- | --- | --- |
| ``RESUMPTION_HOME`` | run folder | ``<project>/.run`` |
| ``LAKE_URL`` | root of the Delta tables, a path or an object store's URL | ``$RESUMPTION_HOME/lake`` |
| ``LANDING_URL`` | root of the landing zone, a path or a ``file://`` URL | ``$RESUMPTION_HOME/landing`` |
| ``WAREHOUSE_URL`` | SQLAlchemy URL of the warehouse | none: an error |
| ``RESUMPTION_TOKEN_KEY`` | secret of the identity tokens | none: an error |
| ``RESUMPTION_PROJECT`` | folder that holds ``include/`` and ``expectations/`` | the checkout this package lies in |
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit


class SettingError(RuntimeError):
    """A setting is missing or cannot be used; the message names the variable and what to do."""


def project_root() -> Path:
    """Folder that holds ``include/`` and ``expectations/``."""
    given = os.environ.get("RESUMPTION_PROJECT")
    return Path(given).resolve() if given else Path(__file__).resolve().parents[2]


def home() -> Path:
    """The run folder: everything a run leaves on this machine lies below it."""
    given = os.environ.get("RESUMPTION_HOME")
    return Path(given).resolve() if given else project_root() / ".run"


def lake_url() -> str:
    """Root of the lake; a feed's Delta table is ``{lake_url()}/feeds/<feed>``."""
    return os.environ.get("LAKE_URL", "").rstrip("/") or str(home() / "lake")


def landing_path() -> Path:
    """Root of the landing zone.

    Raises:
        SettingError: ``LANDING_URL`` is neither a path nor a ``file://`` URL.
    """
    given = os.environ.get("LANDING_URL", "")
    if not given:
        return home() / "landing"
    parts = urlsplit(given)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme:
        raise SettingError(f"LANDING_URL: expected a path or a file:// URL, got the scheme {parts.scheme!r}")
    return Path(given).resolve()


def warehouse_url() -> str:
    """SQLAlchemy URL of the warehouse, ``postgresql+psycopg://…``.

    Raises:
        SettingError: no warehouse is named.
    """
    given = os.environ.get("WAREHOUSE_URL", "").strip()
    if not given:
        raise SettingError(
            "WAREHOUSE_URL is not set: expected postgresql+psycopg://user:password@host:port/database; for the local "
            "warehouse run `make warehouse`, then `export WAREHOUSE_URL=$(make -s warehouse-url)`"
        )
    # People paste what psql takes; the driver this project installs is psycopg 3.
    scheme, _, rest = given.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgresql", "postgres") else given


def token_key() -> bytes:
    """Secret key of the identity tokens (HMAC-SHA-256).

    Raises:
        SettingError: it is not set; an unkeyed token could be reversed by trying all phone numbers.
    """
    key = os.environ.get("RESUMPTION_TOKEN_KEY", "")
    if not key:
        raise SettingError("RESUMPTION_TOKEN_KEY is not set: expected the secret key of the identity tokens")
    return key.encode("utf-8")
