"""Everything that was started is found again and ended, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import processes
from runtime.home import Home, wait_until

SLEEP = ["sleep", "60"]
# A leader with a child in the same session and a grandchild that made a session of its own.
FAMILY = [
    sys.executable,
    "-c",
    "import subprocess, time; subprocess.Popen(['sleep', '60']);"
    "subprocess.Popen(['sleep', '61'], start_new_session=True); time.sleep(60)",
]


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(SLEEP, start_new_session=True)
    yield child
    child.kill()
    child.wait()


def start(home: Home, command: list[str]) -> processes.Process:
    return processes.start(home, "test", command, {**os.environ})


def ended(pid: int) -> bool:
    found = processes.stat(pid)
    return found is None or found.state in processes.SPARED


def test_a_family_is_ended_with_all_its_sessions(home: Home) -> None:
    start(home, FAMILY)
    assert wait_until(lambda: len(processes.belonging(home)) == 3, 10)
    family = processes.belonging(home)

    processes.stop_all(home)

    assert all(ended(member.pid) for member in family)
    assert processes.recorded(home) == []


def test_children_are_found_when_their_leader_has_died(home: Home) -> None:
    leader = start(home, FAMILY)
    assert wait_until(lambda: len(processes.belonging(home)) == 3, 10)
    os.kill(leader.pid, signal.SIGKILL)
    assert wait_until(lambda: len(processes.belonging(home)) == 2, 5)
    processes.stop_all(home)
    assert processes.belonging(home) == []


def test_what_a_crash_kept_from_being_written_down_is_found_by_its_mark(home: Home) -> None:
    start(home, FAMILY)
    assert wait_until(lambda: len(processes.belonging(home)) == 3, 10)
    (home.path / "processes.json").unlink()
    assert len(processes.belonging(home)) == 3
    processes.stop_all(home)
    assert processes.belonging(home) == []


def test_one_that_ignores_the_request_is_killed(home: Home) -> None:
    stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    process = start(home, ["bash", "-c", stubborn])
    assert wait_until(lambda: "ready" in processes.log_path(home, "test").read_text(), 5)
    processes.stop_all(home, patience=0.6)
    assert ended(process.pid)


def test_a_process_that_was_given_a_recorded_id_is_left_alone(home: Home, stranger: subprocess.Popen[bytes]) -> None:
    real = processes.record(home, "test", stranger.pid)
    processes._write(home, [replace(real, started=real.started - 1)])
    assert processes.running(home, "test") is None
    processes.stop_all(home)
    assert stranger.poll() is None


def test_a_record_of_another_boot_names_nobody(home: Home, stranger: subprocess.Popen[bytes]) -> None:
    real = processes.record(home, "test", stranger.pid)
    processes._write(home, [replace(real, boot="another")])
    processes.stop_all(home)
    assert stranger.poll() is None


def test_another_run_folder_is_left_alone(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.path.mkdir()
    neighbour = start(other, SLEEP)
    start(home, SLEEP)
    processes.stop_all(home)
    assert processes.alive(neighbour)
    processes.stop_all(other)
    assert not processes.alive(neighbour)


def test_a_broken_record_does_not_stop_the_stopping(home: Home) -> None:
    process = start(home, SLEEP)
    (home.path / "processes.json").write_text('[{"name": "te')
    processes.stop_all(home)
    assert ended(process.pid)


def test_the_record_is_private(home: Home) -> None:
    start(home, SLEEP)
    assert (home.path / "processes.json").stat().st_mode & 0o777 == 0o600
