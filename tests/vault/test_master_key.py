"""Where the master key comes from, and that no process goes on without one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from resumption import settings


@pytest.fixture(autouse=True)
def _none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RESUMPTION_TOKEN_KEY", "RESUMPTION_TOKEN_KEY_FILE", "AIRFLOW_CTX_TASK_ID", "VAULT_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text("of the file\n")
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY_FILE", str(path))
    assert settings.token_key() == b"of the file"
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", "of the environment")
    assert settings.token_key() == b"of the environment"


def test_without_any_it_says_where_one_may_be() -> None:
    with pytest.raises(settings.SettingError, match="RESUMPTION_TOKEN_KEY_FILE, or in Airflow's secrets backend"):
        settings.token_key()


def test_a_file_that_cannot_be_read_is_named_by_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(settings.SettingError, match="RESUMPTION_TOKEN_KEY_FILE: expected a text file"):
        settings.token_key()


def test_airflows_secrets_backend_is_asked_inside_a_task_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    sdk = ModuleType("airflow.sdk")
    variable = SimpleNamespace(get=lambda key, default: asked.append(key) or "of the backend")
    sdk.Variable = variable  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    with pytest.raises(settings.SettingError):
        settings.token_key()
    assert asked == []
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "publish")
    assert settings.token_key() == b"of the backend"
    assert asked == ["resumption_token_key"]


def test_the_vault_lies_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESUMPTION_HOME", str(tmp_path))
    assert settings.vault_path() == tmp_path / "vault"
    monkeypatch.setenv("VAULT_URL", f"file://{tmp_path}/a%20place")
    assert settings.vault_path() == tmp_path / "a place"
    monkeypatch.setenv("VAULT_URL", "ftp://bucket")
    with pytest.raises(settings.SettingError, match="VAULT_URL: expected a path, a file:// or an s3:// URL"):
        settings.vault_path()
