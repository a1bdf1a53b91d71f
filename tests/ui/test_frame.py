"""The frame of all pages: who gets in, which language, what no page may hold."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from resumption.ui import texts
from resumption.ui.app import create_app
from resumption.ui.guard import DecideQuarantine, Form, checked_form, csrf_token
from resumption.ui.pages import FOLDER

HEAVY = ("pandas", "pyarrow", "duckdb", "great_expectations", "deltalake", "openpyxl", "pygal", "fastapi", "jinja2")


def routes() -> list[APIRoute]:
    return [route for route in create_app().routes if isinstance(route, APIRoute)]


def test_a_page_needs_a_login(client: Any) -> None:
    answer = client(None).get("/resumption/")
    assert answer.status_code == 401
    assert "尚未登录" in answer.text
    assert "/auth/login?next=" in answer.text


def test_a_login_without_permission_is_told_which_it_lacks(client: Any) -> None:
    answer = client("nobody", lang="en").get("/resumption/")
    assert answer.status_code == 403
    assert "Resumption briefing" in answer.text


def test_a_login_that_is_not_valid_is_refused(client: Any) -> None:
    assert client("forged").get("/resumption/").status_code == 403


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{sorted(route.methods)[0]} {route.path}")
def test_every_route_is_guarded(client: Any, route: APIRoute) -> None:
    path = "/resumption" + re.sub(r"\{[^}]+\}", "2020-02-25", route.path)
    for method in route.methods:
        assert client(None).request(method, path).status_code == 401
        assert client("nobody").request(method, path).status_code == 403


def test_every_change_asks_for_the_forms_token() -> None:
    for route in routes():
        if route.methods != {"GET"}:
            assert checked_form in [dependency.call for dependency in route.dependant.dependencies], route.path


@pytest.fixture
def form(users: dict[str, Any]) -> TestClient:
    app = create_app()

    def act(visitor: DecideQuarantine, fields: Form) -> dict[str, str]:
        return {"done": str(fields["what"])}

    app.add_api_route("/act", act, methods=["POST"])
    return TestClient(app, cookies={"_token": "admin"}, raise_server_exceptions=False)


def test_a_form_is_taken_from_its_own_login_only(form: TestClient) -> None:
    taken = form.post("/act", data={"what": "it", "csrf_token": csrf_token("admin-1")})
    assert taken.json() == {"done": "it"}
    for token in ("", "forged", csrf_token("viewer-1")):
        assert form.post("/act", data={"what": "it", "csrf_token": token}).status_code == 403


def test_only_who_may_start_the_quarantine_dag_decides(form: TestClient) -> None:
    for role, status in (("viewer", 403), ("user", 200), ("op", 200)):
        form.cookies["_token"] = role
        assert form.post("/act", data={"what": "it", "csrf_token": csrf_token(f"{role}-1")}).status_code == status


def test_nothing_from_outside_is_allowed(client: Any) -> None:
    policy = client().get("/resumption/nowhere").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)


def test_static_files_stay_in_the_browser(client: Any) -> None:
    answer = client(None).get("/resumption/static/site.css")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert not re.search(r"https?:|@import|url\(", answer.text)


def test_the_language_asked_for_is_kept(client: Any) -> None:
    browser = client()
    assert 'lang="zh-CN"' in browser.get("/resumption/nowhere").text
    assert 'lang="en"' in browser.get("/resumption/nowhere?lang=en").text
    assert '<html lang="en"' in browser.get("/resumption/nowhere").text


def test_a_missing_page_says_so(client: Any) -> None:
    answer = client(lang="en").get("/resumption/nowhere")
    assert answer.status_code == 404
    assert "no such page" in answer.text


def test_a_broken_page_tells_no_value(users: dict[str, Any]) -> None:
    app = create_app()

    def broken() -> None:
        raise ValueError("15400000000")

    app.add_api_route("/broken", broken)
    answer = TestClient(app, raise_server_exceptions=False).get("/broken")
    assert answer.status_code == 500
    assert "ValueError" in answer.text
    assert "15400000000" not in answer.text


# Texts


def test_both_languages_hold_the_same_values() -> None:
    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, entry in texts.catalogue().items():
        assert all(entry.values()), key
        assert fields(entry["zh"]) == fields(entry["en"]), key


def test_one_is_not_several() -> None:
    said = [texts.text("en", "quarantine.n_found", n=n) for n in ("0", "1", "2", "1,001")]
    assert said == ["0 rows.", "1 row.", "2 rows.", "1,001 rows."]


TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own(path: Path) -> None:
    bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    shown = re.sub(r"<[^>]*>", "", bare) + " ".join(re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', bare))
    assert not re.search(r"[^\W\d_]", shown), shown.split()
    assert not re.search(r"\sstyle=|<script|<style|\son\w+=", bare)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_texts_that_templates_ask_for_are_there(path: Path) -> None:
    asked = re.findall(r"""\bt\(\s*["']([\w.]+)["']\s*[,)]""", path.read_text(encoding="utf-8"))
    assert [key for key in asked if not texts.has(key)] == []


# What Airflow loads in every process


def test_the_plugin_is_registered() -> None:
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="airflow.plugins", name="resumption")
    assert entry.load().name == "resumption"


def test_the_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, time; import airflow.plugins_manager; before = set(sys.modules); start = time.perf_counter();"
        "from resumption.ui.plugin import ResumptionPlugin; ResumptionPlugin();"
        "print(time.perf_counter() - start, *{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert float(told[0]) < 0.5
    assert not set(told[1:]) & set(HEAVY)
