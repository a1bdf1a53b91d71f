"""What was started, so that all of it can be ended: `processes.json` in the run folder.

A process is known by its id and its start time, so an id that the system gave to somebody else is never killed. Each
gets a session of its own; ending it ends the session. A mark in the environment finds what was started but, because of
a crash in between, not written down.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.home import Home, read_json, wait_until, write_private

MARK = "RESUMPTION_STARTED_FOR"
SPARED = {"Z", "X"}
_WRITING = threading.Lock()


@dataclass(frozen=True)
class Process:
    """A process as the kernel knows it: `started` is in clock ticks since boot, `boot` the boot's identity."""

    name: str
    pid: int
    started: int
    boot: str


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/<pid>/stat that matter here."""

    pid: int
    state: str
    parent: int
    session: int
    started: int


def stat(pid: int) -> Stat | None:
    """The kernel's record of a process; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return Stat(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def boot() -> str:
    """The identity of this boot: start times of another boot mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def everything() -> Iterator[Stat]:
    """All live processes."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := stat(int(entry.name))) and found.state not in SPARED:
            yield found


def alive(process: Process) -> bool:
    """Whether this very process runs (not another one that was given its id)."""
    found = stat(process.pid)
    same = found is not None and found.started == process.started and process.boot == boot()
    return same and found is not None and found.state not in SPARED


def _registry(home: Home) -> Path:
    return home.path / "processes.json"


def recorded(home: Home) -> list[Process]:
    """What the run folder says was started, alive or not."""
    return [Process(**entry) for entry in read_json(_registry(home), [])]


def _write(home: Home, processes: Sequence[Process]) -> None:
    write_private(_registry(home), json.dumps([asdict(p) for p in processes], indent=1) + "\n")


def _has_session(process: Process) -> bool:
    return alive(process) or (process.boot == boot() and any(p.session == process.pid for p in everything()))


def record(home: Home, name: str, pid: int) -> Process:
    """Write a started process down; entries of which nothing lives any more are dropped.

    Raises ProcessLookupError when there is no such process.
    """
    found = stat(pid)
    if found is None:
        raise ProcessLookupError(f"{name}: process {pid} ended before it could be recorded")
    process = Process(name, pid, found.started, boot())
    with _WRITING:
        others = [p for p in recorded(home) if p.pid != pid and _has_session(p)]
        _write(home, [*others, process])
    return process


def running(home: Home, name: str) -> Process | None:
    """The live process recorded under a name."""
    return next((p for p in recorded(home) if p.name == name and alive(p)), None)


def log_path(home: Home, name: str) -> Path:
    """Where a process writes."""
    return home.logs / f"{name}.log"


def start(home: Home, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
    """Start a command in a session of its own, its output in the log folder, and write it down."""
    marked = {**environment, MARK: str(home.path)}
    with log_path(home, name).open("ab") as log:
        child = subprocess.Popen(
            command, env=marked, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return record(home, name, child.pid)


def tail(home: Home, name: str, lines: int = 15) -> str:
    """The last lines of a process's log, for an error message."""
    path = log_path(home, name)
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def _marked(pid: int, home: Home) -> bool:
    try:
        return f"{MARK}={home.path}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _own_line() -> set[int]:
    """This process and its forebears: whoever called must live."""
    line, pid = set(), os.getpid()
    while pid > 1 and pid not in line:
        line.add(pid)
        found = stat(pid)
        pid = found.parent if found else 0
    return line


def belonging(home: Home) -> list[Stat]:
    """Every live process that was started for a run folder: recorded, of a recorded session, below one, or marked."""
    known = {p.pid for p in recorded(home) if alive(p)}
    spared, living = _own_line(), list(everything())
    # A dead leader's id is not given away while its session lives; a live process of that id means it was.
    sessions = {p.pid for p in recorded(home) if p.boot == boot()} - ({p.pid for p in living} - known)
    found = {p.pid for p in living if p.pid in known or p.session in sessions or _marked(p.pid, home)}
    grown = True
    while grown:
        below = {p.pid for p in living if p.parent in found} - found
        grown = bool(below)
        found |= below
    return [p for p in living if p.pid in found and p.pid not in spared]


def _signal(processes: Iterable[Stat], number: signal.Signals) -> None:
    for process in processes:
        current = stat(process.pid)
        if current is not None and current.started == process.started:
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


def _reap() -> None:
    """Collect our own dead children, else they stay as zombies while we wait for them."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def stop_all(home: Home, spare: Collection[str] = (), patience: float = 6.0) -> None:
    """End everything that was started for a run folder, but the recorded names in `spare`.

    Leaders are asked first, so that each can end its own children; then all are; what is left after `patience` seconds
    is killed.
    """
    kept = {p.pid for p in recorded(home) if p.name in spare}
    leaders = {p.pid for p in recorded(home)}

    def left() -> list[Stat]:
        _reap()
        return [p for p in belonging(home) if p.pid not in kept and p.parent not in kept]

    first = left()
    _signal([p for p in first if p.pid in leaders] or first, signal.SIGTERM)
    if not wait_until(lambda: not left(), patience / 3):
        _signal(left(), signal.SIGTERM)
    if not wait_until(lambda: not left(), patience * 2 / 3):
        _signal(left(), signal.SIGKILL)
        wait_until(lambda: not left(), 5)
    with _WRITING:
        _write(home, [p for p in recorded(home) if p.pid in kept])
