"""HTTP as the senders need it: bearer token from the Airflow connection, patience with 429 and 5xx, whole bodies."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from resumption.sources.base import Download, FetchedFile, Sink, SourceError, SourceRefusedError

if TYPE_CHECKING:
    from airflow.sdk import Connection

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_CHUNK = 1 << 18
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_TOKEN_KEYS = ("token", "bearer_token", "access_token")


@dataclass(frozen=True)
class Patience:
    """How long one request is tried. The defaults end a task within minutes; Airflow tries again later.

    Attributes:
        attempts: requests at most.
        budget_seconds: from the first attempt, waiting included; no wait begins that would end after it.
        longest_wait_seconds: cap of the exponential back-off; a sender's Retry-After may be longer.
        connect_seconds, read_seconds: timeouts; reading counts from byte to byte.
    """

    attempts: int = 8
    budget_seconds: float = 150.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 20.0
    connect_seconds: float = 10.0
    read_seconds: float = 30.0


class _AgainError(Exception):
    """This attempt failed in a way that another may not; ``after`` is the wait the sender asks for, seconds."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class _Bearer(requests.auth.AuthBase):
    """Sets the token itself: requests would let a .netrc entry of the machine replace a plain header."""

    def __init__(self, header: str) -> None:
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class HttpClient:
    """Requests to the server of one Airflow connection.

    The token is the connection's password, else ``token`` (or ``bearer_token``, ``access_token``), else
    ``headers.Authorization`` in its extra. ``ca_file`` in the extra names a private certificate authority; certificates
    are always verified.
    """

    def __init__(self, connection_id: str, patience: Patience | None = None) -> None:
        connection = get_connection(connection_id)
        self.connection_id = connection_id
        self._patience = patience or Patience()
        self._base = base_url(connection)
        extra = connection.extra_dejson
        if str(extra.get("verify", True)).lower() in ("false", "0", "no"):
            raise SourceRefusedError(
                f"connection {connection_id}: its extra turns certificate verification off. Remove `verify`; "
                "name a private authority's certificate with `ca_file`"
            )
        self._session = requests.Session()
        self._session.auth = _Bearer(_authorization(connection, connection_id))
        self._session.verify = str(extra["ca_file"]) if extra.get("ca_file") else True
        # The bytes are landed as sent: nothing between may unpack them.
        self._session.headers["Accept-Encoding"] = "identity"

    def get_json(self, path: str, params: dict[str, str] | None = None) -> tuple[bytes, Any]:
        """Return the body of an answer and what it says; a body that is not JSON is asked for again."""

        def ask() -> tuple[bytes, Any]:
            with self._get(path, params) as response:
                body = b"".join(response.iter_content(_CHUNK))
            try:
                return body, json.loads(body)
            except ValueError:
                raise _AgainError("the answer is not JSON") from None

        return self._persist(path, ask)

    def download(self, path: str, into: Sink, expected_size: int | None = None) -> FetchedFile:
        """Write the body of an answer to ``into``; a body cut short is fetched again from its beginning."""

        def take() -> FetchedFile:
            download = Download(into, path, expected_size)
            with self._get(path, None) as response:
                for chunk in response.iter_content(_CHUNK):
                    download.write(chunk)
            return download.fetched()

        return self._persist(path, take)

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def _get(self, path: str, params: dict[str, str] | None) -> requests.Response:
        timeout = (self._patience.connect_seconds, self._patience.read_seconds)
        response = self._session.get(self._base + path, params=params, stream=True, timeout=timeout)
        if response.status_code != 200:
            with response:
                self._refuse(path, response)
        return response

    def _refuse(self, path: str, response: requests.Response) -> NoReturn:
        status = response.status_code
        if status in (401, 403):
            raise SourceRefusedError(
                f"connection {self.connection_id}: the sender answers {status} to GET {path}: it does not accept the "
                "token. Put the right one into the connection's password"
            )
        if status in _AGAIN:
            raise _AgainError(f"status {status}", _retry_after(response))
        raise SourceError(
            f"connection {self.connection_id}: GET {path}: expected status 200, got {status}. "
            "Check the connection's host, port and schema, and that the sender still has it"
        )

    def _persist(self, path: str, attempt: Callable[[], _T]) -> _T:
        """Repeat ``attempt`` until it succeeds, the sender refuses or patience ends."""
        limits, began = self._patience, time.monotonic()
        for number in range(1, limits.attempts + 1):
            try:
                return attempt()
            except _AgainError as error:
                failure, after = str(error), error.after
            except requests.exceptions.SSLError as error:
                raise SourceRefusedError(
                    f"connection {self.connection_id}: the server's certificate cannot be verified; "
                    "name a private authority's certificate with `ca_file` in the connection's extra"
                ) from error
            except (requests.exceptions.RequestException, HTTPError, OSError) as error:
                failure, after = type(error).__name__, None
            backoff = min(limits.longest_wait_seconds, limits.first_wait_seconds * 2.0 ** (number - 1))
            wait = backoff if after is None else after
            if number == limits.attempts or time.monotonic() - began + wait > limits.budget_seconds:
                break
            _log.info("%s GET %s: %s; again in %.1f s", self.connection_id, path, failure, wait)
            time.sleep(wait)
        asked = f", it asks to wait {after:.0f} s" if after is not None else ""
        raise SourceError(
            f"connection {self.connection_id}: GET {path}: given up after {number} attempts and "
            f"{time.monotonic() - began:.0f} s; the last ended with {failure}{asked}"
        )


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that the sender asks to wait, given as seconds or as a date."""
    header = response.headers.get("Retry-After")
    if header is None:
        return None
    try:
        return max(0.0, float(Retry().parse_retry_after(header)))
    except (InvalidHeader, ValueError):
        return None


def get_connection(connection_id: str) -> Connection:
    """Return an Airflow connection.

    Raises:
        SourceRefusedError: there is none of this name.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException as error:
        raise SourceRefusedError(
            f"connection {connection_id}: Airflow has none of this name. Add it, or set "
            f"AIRFLOW_CONN_{connection_id.upper()}"
        ) from error


def base_url(connection: Connection) -> str:
    """Return scheme, host, port and base path of an HTTP connection, without a slash at the end.

    The host may carry the scheme (and a base path); else the connection's schema says ``https``, or its type does.
    """
    host, schema = (connection.host or "").strip(), (connection.schema or "").strip("/")
    is_scheme = schema.lower() in ("http", "https")
    scheme = schema.lower() if is_scheme else ("https" if connection.conn_type == "https" else "http")
    parts = urlsplit(host if "://" in host else f"{scheme}://{host}")
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise SourceRefusedError(f"connection {connection.conn_id}: expected the host of an HTTP server, got none")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = connection.port or parts.port
    path = "/".join(part for part in (parts.path.strip("/"), "" if is_scheme else schema) if part)
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "") + (f"/{path}" if path else "")


def _authorization(connection: Connection, connection_id: str) -> str:
    extra = connection.extra_dejson
    token = connection.password or next((extra[key] for key in _TOKEN_KEYS if extra.get(key)), None)
    if token:
        return f"Bearer {str(token).strip().removeprefix('Bearer ')}"
    given = extra.get("Authorization") or extra.get("authorization")
    headers = extra.get("headers")
    if not given and isinstance(headers, dict):
        given = headers.get("Authorization") or headers.get("authorization")
    if not given:
        raise SourceRefusedError(f"connection {connection_id}: expected the sender's token as its password, got none")
    return str(given)
