"""The pages as Airflow serves them: mounted under ``/resumption``, behind its simple auth manager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def users() -> Iterator[dict[str, Any]]:
    """Airflow users of each role of the simple auth manager by token; the token stands for the signed one."""
    from airflow.api_fastapi import app as airflow_app
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from jwt import InvalidTokenError

    known = {role: SimpleAuthManagerUser(username=f"{role}-1", role=role) for role in ("viewer", "user", "op", "admin")}
    known["nobody"] = SimpleAuthManagerUser(username="nobody-1", role=None)

    class Manager(SimpleAuthManager):
        async def get_user_from_token(self, token: str) -> Any:
            try:
                return known[token]
            except KeyError:
                raise InvalidTokenError from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(airflow_app, "_AuthManagerState", SimpleNamespace(instance=Manager()))
        yield known


@pytest.fixture(scope="session")
def mounted(users: dict[str, Any]) -> FastAPI:
    """Airflow's app with nothing but the pages in it."""
    from resumption.ui.plugin import ResumptionPlugin

    outer = FastAPI()
    for entry in ResumptionPlugin().fastapi_apps:
        outer.mount(entry["url_prefix"], entry["app"])
    return outer


@pytest.fixture
def client(mounted: FastAPI) -> Client:
    """``client("viewer")`` is a browser in which that user is logged in; ``client(None)`` one without a login."""

    def made(role: str | None = "admin", lang: str = "zh") -> TestClient:
        cookies = {"_token": role} if role else {}
        headers = {"accept-language": lang}
        return TestClient(
            mounted, cookies=cookies, headers=headers, raise_server_exceptions=False, follow_redirects=False
        )

    return made
