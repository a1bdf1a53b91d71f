"""Decoders that a sender's bytes could bring down run in a process of their own."""

from __future__ import annotations

import subprocess
import sys

from resumption.contracts.reasons import FileReason
from resumption.readers import child
from resumption.readers.result import FileRejected

_SECONDS = 600
_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
"""All that the child is told: an allocator whose size the limit can judge, and none of our settings."""


def unpack(layout: str, data: bytes) -> bytes:
    """Return what ``child.py`` makes of a delivery in the binary format ``layout``.

    Raises:
        FileRejected: UNREADABLE or WRONG_ENCODING as the child says; UNREADABLE when it crashed, or wanted more memory
            or time than a province's file needs.
    """
    command = [sys.executable, "-I", child.__file__, layout]
    try:
        done = subprocess.run(command, input=data, capture_output=True, env=_ENVIRONMENT, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise FileRejected(FileReason.UNREADABLE, f"expected {layout}, unpacking took over {_SECONDS} s") from None
    if done.returncode == child.REFUSED:
        reason, _, detail = done.stderr.decode(errors="replace").partition(" ")
        raise FileRejected(FileReason(reason), f"expected {layout}: {detail}")
    if done.returncode:
        raise FileRejected(
            FileReason.UNREADABLE,
            f"expected {layout}, its decoder gave up (status {done.returncode}): damaged, or absurd",
        )
    return done.stdout
