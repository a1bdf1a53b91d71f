"""Senders for tests: a real HTTP server that answers as told, and a real SFTP server over a folder."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncssh

TOKEN = "a-test-token"
HOST_KEYS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256")


class Kept(bytearray):
    """A sink that keeps in memory what a source writes."""

    def restart(self) -> None:
        self.clear()

    def write(self, chunk: bytes) -> None:
        self.extend(chunk)


@dataclass
class Answer:
    """One HTTP answer; ``declared_length`` larger than the body cuts the connection short of it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    declared_length: int | None = None
    silence_seconds: float = 0


@dataclass
class HttpSender:
    """Serves ``pages`` by path and query; answers in ``first`` come before them, once each."""

    port: int = 0
    token: str = TOKEN
    pages: dict[str, Answer] = field(default_factory=dict)
    first: dict[str, deque[Answer]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    seen_headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve_json(self, path: str, value: Any) -> bytes:
        body = json.dumps(value, ensure_ascii=False).encode()
        self.pages[path] = Answer(body)
        return body

    def fail_first(self, path: str, *answers: Answer) -> None:
        self.first[path] = deque(answers)

    def answer(self, target: str, authorization: str | None) -> Answer:
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items() if key != "limit"}
        path = unquote(parts.path) + "".join(f"|{key}={value}" for key, value in sorted(query.items()))
        self.asked[path] += 1
        if self.first.get(path):
            return self.first[path].popleft()
        if authorization != f"Bearer {self.token}":
            return Answer(status=401)
        return self.pages.get(path, Answer(status=404))


@contextmanager
def http_sender() -> Iterator[HttpSender]:
    sender = HttpSender()
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sender.seen_headers.append(dict(self.headers))
            answer = sender.answer(self.path, self.headers.get("Authorization"))
            stopping.wait(answer.silence_seconds)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = len(answer.body) if answer.declared_length is None else answer.declared_length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sender.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield sender
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class SftpSender:
    """An SFTP server whose root is ``root``; ``host_keys`` are its public keys as a connection's extra takes them."""

    root: Path
    port: int
    host_key: str
    """The Ed25519 one of the server's keys."""
    host_keys: dict[str, str]
    other_key: str
    requests: Counter[str]

    def drop(self, day: str, name: str, data: bytes, rows: int | str = 1, *, control: str | None = None) -> None:
        """Put a file and its control file into a day's folder; ``control=""`` leaves the control file out."""
        folder = self.root / "outbox" / day
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        line = f"{hashlib.sha256(data).hexdigest()} {rows}\n" if control is None else control
        if line:
            (folder / f"{name}.ok").write_text(line)


@cache
def _host_key(kind: str) -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind)


@contextmanager
def sftp_sender(root: Path) -> Iterator[SftpSender]:
    keys, other = {kind: _host_key(kind) for kind in HOST_KEYS}, asyncssh.generate_private_key("ssh-ed25519")
    requests: Counter[str] = Counter()

    class Login(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("district", "a-password")

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel) -> None:
            super().__init__(channel, chroot=str(root).encode())

        async def scandir(self, path: bytes) -> Any:
            requests[f"list {path.decode()}"] += 1
            async for entry in super().scandir(path):
                yield entry

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            requests[f"open {path.decode()}"] += 1
            return super().open(path, pflags, attrs)

        def stat(self, path: bytes) -> Any:
            requests["stat"] += 1
            return super().stat(path)

        def lstat(self, path: bytes) -> Any:
            requests["stat"] += 1
            return super().lstat(path)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> Any:
        return await asyncssh.create_server(
            Login, "127.0.0.1", 0, server_host_keys=list(keys.values()), sftp_factory=Files, server_version="test"
        )

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(20)

    async def stop() -> None:
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=5)

    def public(private: asyncssh.SSHKey) -> str:
        return " ".join(private.export_public_key().decode().split()[:2])

    try:
        (root / "outbox").mkdir()
        shown = {kind: public(key) for kind, key in keys.items()}
        yield SftpSender(root, server.get_port(), shown["ssh-ed25519"], shown, public(other), requests)
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
