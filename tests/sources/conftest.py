from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sources import senders


@pytest.fixture
def http() -> Iterator[senders.HttpSender]:
    with senders.http_sender() as sender:
        yield sender


@pytest.fixture
def kept() -> senders.Kept:
    return senders.Kept()


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[senders.SftpSender]:
    with senders.sftp_sender(tmp_path) as sender:
        yield sender


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Define an Airflow connection by its fields, as a deployment does: in the environment."""

    def define(name: str, **fields: object) -> str:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))
        return name

    return define
