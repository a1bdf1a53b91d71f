from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from resumption.sources import SourceError, SourceRefusedError
from resumption.sources.http_client import HttpClient, Patience, base_url, get_connection
from tests.sources.senders import TOKEN, Answer, HttpSender, Kept

QUICK = Patience(attempts=4, budget_seconds=5, first_wait_seconds=0.01, connect_seconds=2, read_seconds=0.3)
Connect = Callable[..., str]


@pytest.fixture
def client(http: HttpSender, connect: Connect) -> HttpClient:
    return HttpClient(connect("module_api", conn_type="http", host=http.url, password=TOKEN), QUICK)


def test_downloads_the_bytes_as_sent_and_hashes_them(client: HttpClient, http: HttpSender, kept: Kept) -> None:
    body = bytes(range(256)) * 5000
    http.pages["/file"] = Answer(body)
    fetched = client.download("/file", kept)
    assert kept == body
    assert (fetched.sha256, fetched.size) == (hashlib.sha256(body).hexdigest(), len(body))
    assert http.seen_headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "failure",
    [
        Answer(status=429, headers={"Retry-After": "0"}),
        Answer(status=503),
        Answer(status=500),
        Answer(b"only a part", declared_length=4000),
        Answer(b"late", silence_seconds=1),
    ],
    ids=["429", "503", "500", "short body", "silence"],
)
def test_tries_again_what_may_pass(client: HttpClient, http: HttpSender, kept: Kept, failure: Answer) -> None:
    http.pages["/file"] = Answer(b"whole")
    http.fail_first("/file", failure, failure)
    client.download("/file", kept)
    assert kept == b"whole"
    assert http.asked["/file"] == 3


def test_waits_as_long_as_the_sender_asks(
    client: HttpClient, http: HttpSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("resumption.sources.http_client.time.sleep", waits.append)
    http.serve_json("/page", {"total": 0})
    http.fail_first("/page", Answer(status=429, headers={"Retry-After": "3"}))
    assert client.get_json("/page")[1] == {"total": 0}
    assert waits == [3.0]


def test_does_not_begin_a_wait_longer_than_its_patience(client: HttpClient, http: HttpSender) -> None:
    http.fail_first("/page", Answer(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(SourceError, match="asks to wait 3600 s"):
        client.get_json("/page")
    assert http.asked["/page"] == 1


def test_gives_up_after_its_attempts(client: HttpClient, http: HttpSender) -> None:
    http.pages["/page"] = Answer(status=503)
    with pytest.raises(SourceError, match=r"module_api.*given up after 4 attempts.*status 503"):
        client.get_json("/page")
    assert http.asked["/page"] == 4


def test_an_answer_that_is_not_json_is_asked_for_again(client: HttpClient, http: HttpSender) -> None:
    http.serve_json("/page", [1])
    http.fail_first("/page", Answer(b"<html>"))
    assert client.get_json("/page") == (b"[1]", [1])


def test_a_refused_token_is_not_tried_again(http: HttpSender, connect: Connect) -> None:
    client = HttpClient(connect("module_api", conn_type="http", host=http.url, password="wrong-token"), QUICK)
    with pytest.raises(SourceRefusedError, match="connection module_api: the sender answers 401") as refused:
        client.get_json("/page")
    assert http.asked["/page"] == 1
    assert "wrong-token" not in str(refused.value)


def test_a_missing_file_is_not_tried_again(client: HttpClient, http: HttpSender, kept: Kept) -> None:
    with pytest.raises(SourceError, match="got 404"):
        client.download("/gone", kept)
    assert http.asked["/gone"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"password": TOKEN},
        {"extra": {"token": TOKEN}},
        {"extra": {"bearer_token": TOKEN}},
        {"extra": {"headers": {"Authorization": f"Bearer {TOKEN}"}}},
        {"extra": {"Authorization": f"Bearer {TOKEN}"}},
    ],
)
def test_finds_the_token(http: HttpSender, connect: Connect, fields: dict[str, object]) -> None:
    http.serve_json("/page", {})
    connect("module_api", conn_type="http", host="127.0.0.1", port=http.port, **fields)
    assert HttpClient("module_api", QUICK).get_json("/page")[1] == {}


def test_a_netrc_does_not_replace_the_token(
    http: HttpSender, client: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(netrc))
    http.serve_json("/page", {})
    assert client.get_json("/page")[1] == {}


def test_a_connection_without_token_is_refused(connect: Connect) -> None:
    with pytest.raises(SourceRefusedError, match="connection module_api: expected the sender's token"):
        HttpClient(connect("module_api", conn_type="http", host="127.0.0.1"))


def test_an_unknown_connection_is_refused() -> None:
    with pytest.raises(SourceRefusedError, match="AIRFLOW_CONN_NOWHERE_API"):
        HttpClient("nowhere_api")


def test_certificates_are_always_verified(connect: Connect) -> None:
    connect("module_api", conn_type="http", host="https://sender.example", password=TOKEN, extra={"verify": False})
    with pytest.raises(SourceRefusedError, match="turns certificate verification off"):
        HttpClient("module_api")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://:t0ken@127.0.0.1:8099", "http://127.0.0.1:8099"),
        ("http://:t0ken@127.0.0.1:8099/", "http://127.0.0.1:8099"),
        ("https://:t0ken@sender.example", "https://sender.example"),
        ("http://:t0ken@sender.example:8443/https", "https://sender.example:8443"),
        ("http://:t0ken@sender.example/base", "http://sender.example/base"),
        (
            '{"conn_type": "http", "host": "https://sender.example/base/", "port": 444}',
            "https://sender.example:444/base",
        ),
        ('{"conn_type": "http", "host": "sender.example", "schema": "https"}', "https://sender.example"),
        ('{"conn_type": "http", "host": "http://[::1]:80"}', "http://[::1]:80"),
    ],
)
def test_base_url_of_a_connection(monkeypatch: pytest.MonkeyPatch, uri: str, expected: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MODULE_API", uri)
    assert base_url(get_connection("module_api")) == expected
