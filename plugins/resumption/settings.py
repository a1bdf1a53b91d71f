"""Where things are: the run folder, the lake, the landing zone, the vault, the warehouse and the master key.

Everything is read from the environment at the moment it is asked for, so that a process started by Airflow, by
``make`` or by a test sees its own values. Nothing is created here.

| variable | meaning | default |
| --- | --- | --- |
| ``RESUMPTION_HOME`` | run folder | ``<project>/.run`` |
| ``LAKE_URL`` | root of the Delta tables, a path or an ``s3://`` URL | ``$RESUMPTION_HOME/lake`` |
| ``LAKE_RETENTION_HOURS`` | how long replaced files of the lake stay for readers that began before | ``168`` |
| ``LANDING_URL`` | root of the landing zone, a path, a ``file://`` or an ``s3://`` URL | ``$RESUMPTION_HOME/landing`` |
| ``VAULT_URL`` | root of the vault, the same | ``$RESUMPTION_HOME/vault`` |
| ``REPORTS_URL`` | root of the reports on checks, the same | ``$RESUMPTION_HOME/reports`` |
| ``WAREHOUSE_URL`` | SQLAlchemy URL of the warehouse | none: an error |
| ``RESUMPTION_TOKEN_KEY`` | master key: of the identity tokens, and the landing zone's and vault's seals | none |
| ``RESUMPTION_TOKEN_KEY_FILE`` | file that holds the master key | none |
| Airflow variable ``resumption_token_key`` | the master key, asked for inside tasks only | none |
| ``RESUMPTION_UI_URL`` | address at which people open the UI, for links in messages | Airflow's ``[api] base_url`` |
| ``RESUMPTION_PROJECT`` | folder that holds ``include/`` and ``expectations/`` | the checkout this package lies in |
| ``AWS_…`` | address and key of the object store of ``s3://`` URLs, see ``resumption.storage`` | none |
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from resumption import storage

if TYPE_CHECKING:
    from resumption.storage import Place


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


def lake_retention_hours() -> int:
    """How long replaced files of the lake stay, hours.

    Raises:
        SettingError: ``LAKE_RETENTION_HOURS`` is no whole number from 0 on.
    """
    given = os.environ.get("LAKE_RETENTION_HOURS", "168")
    if not given.isdecimal():
        raise SettingError(f"LAKE_RETENTION_HOURS: expected hours as a whole number, got {given!r}")
    return int(given)


def landing_path() -> Place:
    """Root of the landing zone.

    Raises:
        SettingError: ``LANDING_URL`` is neither a path nor a URL of a known scheme.
    """
    return _zone("LANDING_URL", "landing")


def vault_path() -> Place:
    """Root of the vault.

    Raises:
        SettingError: ``VAULT_URL`` is neither a path nor a URL of a known scheme.
    """
    return _zone("VAULT_URL", "vault")


def reports_path() -> Place:
    """Root of the reports on checks.

    Raises:
        SettingError: ``REPORTS_URL`` is neither a path nor a URL of a known scheme.
    """
    return _zone("REPORTS_URL", "reports")


def _zone(variable: str, default: str) -> Place:
    given = os.environ.get(variable, "")
    if not given:
        return home() / default
    try:
        return storage.place(given)
    except ValueError as error:
        raise SettingError(f"{variable}: {error}") from None


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


def ui_url(path: str = "") -> str:
    """Address of a page of the UI as people open it: ``ui_url("/dags/checkins")``."""
    given = os.environ.get("RESUMPTION_UI_URL", "")
    if not given:
        from airflow.sdk.configuration import conf

        given = conf.get("api", "base_url", fallback="") or "http://localhost:8080"
    return given.rstrip("/") + path


def token_key() -> bytes:
    """Master key: identity tokens are HMAC-SHA-256 with it, the sealing keys of landing and vault are derived from it.

    From ``RESUMPTION_TOKEN_KEY``, else the file that ``RESUMPTION_TOKEN_KEY_FILE`` names, else, inside a task, the
    Airflow variable ``resumption_token_key``, which Airflow's secrets backend may keep.

    Raises:
        SettingError: none of them is set; an unkeyed token could be reversed by trying all phone numbers.
    """
    key = os.environ.get("RESUMPTION_TOKEN_KEY", "") or _key_in_file() or _key_in_airflow()
    if not key:
        raise SettingError(
            "the master key is not set: expected it in RESUMPTION_TOKEN_KEY, in a file named by "
            "RESUMPTION_TOKEN_KEY_FILE, or in Airflow's secrets backend as the variable resumption_token_key"
        )
    return key.encode("utf-8")


def _key_in_file() -> str:
    path = os.environ.get("RESUMPTION_TOKEN_KEY_FILE", "")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"RESUMPTION_TOKEN_KEY_FILE: expected a text file that this process may read, got {type(error).__name__}"
        ) from None


def _key_in_airflow() -> str:
    # Outside a task Airflow would ask its database, which nothing but Airflow should.
    if "AIRFLOW_CTX_TASK_ID" not in os.environ:
        return ""
    from airflow.sdk import Variable

    return str(Variable.get("resumption_token_key", default=""))
