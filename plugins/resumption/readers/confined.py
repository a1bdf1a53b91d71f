"""Decoders that a sender's bytes could bring down run in a process of their own."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

from resumption.contracts.reasons import FileReason
from resumption.readers import child
from resumption.readers.result import FileRejected

_SECONDS = 600
_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
"""All that the child is told: an allocator whose size the limit can judge, and none of our settings."""


class _Decoder:
    """A running ``child.py``. It ends with this process, however that ends, since its stdin does."""

    def __init__(self, layout: str) -> None:
        # A session of its own: its fork must end with it when it takes too long.
        self._process = subprocess.Popen(
            [sys.executable, "-I", child.__file__, layout],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT, start_new_session=True,
        )  # fmt: skip

    def ask(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the verdict on a delivery and what is said with it; None when the decoder gave up, and is gone."""
        impatience = threading.Timer(_SECONDS, self.end)
        impatience.start()
        try:
            return self._asked(data)
        except (OSError, EOFError):
            self.end()
            return None
        finally:
            impatience.cancel()

    def _asked(self, data: bytes) -> tuple[bytes, bytes]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        stdin.write(len(data).to_bytes(child.LENGTH_BYTES, "big"))
        stdin.write(data)
        stdin.flush()
        verdict = _exactly(stdout, 1)
        return verdict, _exactly(stdout, int.from_bytes(_exactly(stdout, child.LENGTH_BYTES), "big"))

    def end(self) -> None:
        """Stop it and whatever it does."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _exactly(stream: IO[bytes], count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise EOFError
    return found


_running: dict[tuple[int, str], _Decoder] = {}
"""The decoders by process, since a fork must not talk to its parent's, and layout."""


@atexit.register
def end_all() -> None:
    """Stop the decoders of this process."""
    for (process, _), decoder in _running.items():
        if process == os.getpid():
            decoder.end()
    _running.clear()


def unpack(layout: str, data: bytes) -> bytes:
    """Return what ``child.py`` makes of a delivery in the binary format ``layout``.

    Raises:
        FileRejected: UNREADABLE or WRONG_ENCODING as the child says; UNREADABLE when it crashed, or wanted more memory
            or time than a province's file needs.
    """
    key = (os.getpid(), layout)
    kept = _running.pop(key, None)
    decoder = kept or _Decoder(layout)
    answer = decoder.ask(data)
    if answer is None and kept:
        # What ended it may have come before this delivery: a verdict is only what a new one says.
        decoder = _Decoder(layout)
        answer = decoder.ask(data)
    if answer is None:
        raise FileRejected(
            FileReason.UNREADABLE,
            f"expected {layout}, its decoder gave up or took over {_SECONDS} s: damaged, or absurd",
        )
    _running[key] = decoder
    verdict, said = answer
    if verdict == child.REFUSED:
        reason, _, detail = said.decode(errors="replace").partition(" ")
        raise FileRejected(FileReason(reason), f"expected {layout}: {detail}")
    return said
