"""The run folder: where everything lies that running makes, and the few secrets in it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class RunError(Exception):
    """Something the person at the keyboard can mend; the message says what was expected, what came and what to do."""


@dataclass(frozen=True)
class Home:
    """A run folder; its parts are made when first asked for."""

    path: Path

    @classmethod
    def from_environment(cls) -> Home:
        """The folder named by RESUMPTION_HOME, else `.run` in the repository."""
        home = cls(Path(os.environ.get("RESUMPTION_HOME") or ROOT / ".run").resolve())
        home.path.mkdir(parents=True, exist_ok=True)
        return home

    def folder(self, name: str) -> Path:
        """A folder below the run folder."""
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def logs(self) -> Path:
        """Where every started process writes."""
        return self.folder("logs")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: a reader sees the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def keep_secret(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
    """The secret in a file, made on first use and kept (mode 600)."""
    if not path.exists():
        write_private(path, make() + "\n")
    return path.read_text(encoding="utf-8").strip()


def read_json(path: Path, default: Any) -> Any:
    """A JSON file's content, or the default where there is none or it is broken (a crash may leave half a file)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return default


KEY_FILE = "token.key"
"""Of the run folder: the master key, where nobody gives one."""


def token_key(home: Home) -> str:
    """The master key: RESUMPTION_TOKEN_KEY, else RESUMPTION_TOKEN_KEY_FILE's, else one made once and kept."""
    given, file = os.environ.get("RESUMPTION_TOKEN_KEY"), os.environ.get("RESUMPTION_TOKEN_KEY_FILE")
    if not given and file:
        return Path(file).read_text(encoding="utf-8").strip()
    return given or keep_secret(home.path / KEY_FILE, lambda: secrets.token_hex(32))


def is_free(port: int) -> bool:
    """Whether a TCP port on 127.0.0.1 can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(preferred: int = 0, taken: tuple[int, ...] = ()) -> int:
    """The preferred TCP port on 127.0.0.1, or the next free one within 50 of it, or any."""
    candidates = range(preferred, preferred + 50) if preferred else range(0)
    for port in candidates:
        if port not in taken and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], seconds: float, pause: float = 0.1) -> bool:
    """Ask until the answer is yes; False when the time is up."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def say(text: str) -> None:
    """A progress line, on stderr: stdout is for what was asked for (a URL, the briefing)."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Announce a step's end and its seconds."""
    began = time.monotonic()
    yield
    say(f"  {name:<62}{time.monotonic() - began:6.1f} s")
