from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumption.sealing import FRAME_BYTES, HEADER_BYTES, Sealer, SealError, ZoneKey, open_frames, read

KEY = ZoneKey(b"a master key of the tests", "landing")
STORED = FRAME_BYTES + 16


def sealed(plain: bytes, key: ZoneKey = KEY, context: str = "", piece: int = 1 << 18) -> bytes:
    into = io.BytesIO()
    sealer = Sealer(into, key, context)
    for start in range(0, len(plain), piece):
        sealer.write(plain[start : start + piece])
    sealer.finish()
    return into.getvalue()


def opened(data: bytes, key: ZoneKey = KEY, context: str = "") -> bytes:
    return b"".join(open_frames(io.BytesIO(data), key, context))


@settings(max_examples=30)
@given(
    size=st.sampled_from(
        [0, 1, 17, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 3 * FRAME_BYTES + 5]
    ),
    piece=st.sampled_from([4096, 1 << 18, FRAME_BYTES, 2 * FRAME_BYTES + 3]),
)
def test_what_is_sealed_opens_whatever_the_pieces_it_came_in(size: int, piece: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(plain[:size], piece=piece)) == plain[:size]


def test_no_two_files_are_alike_and_none_shows_its_content() -> None:
    plain = b"15400001234" * 1000
    first, second = sealed(plain), sealed(plain)
    assert b"1540000" not in first
    assert first[HEADER_BYTES:] != second[HEADER_BYTES:]
    assert len(first) == HEADER_BYTES + len(plain) + 16


WHOLE = sealed(bytes(3 * FRAME_BYTES + 100))
CHANGED = {
    "a bit of the salt": WHOLE[: HEADER_BYTES - 1] + bytes([WHOLE[HEADER_BYTES - 1] ^ 1]) + WHOLE[HEADER_BYTES:],
    "a bit of the content": WHOLE[:5000] + bytes([WHOLE[5000] ^ 1]) + WHOLE[5001:],
    "cut inside a frame": WHOLE[:-1],
    "cut between frames": WHOLE[: HEADER_BYTES + 2 * STORED],
    "cut after the header": WHOLE[:HEADER_BYTES],
    "the last frame is gone": WHOLE[: HEADER_BYTES + 3 * STORED],
    "two frames changed places": WHOLE[:HEADER_BYTES]
    + WHOLE[HEADER_BYTES + STORED : HEADER_BYTES + 2 * STORED]
    + WHOLE[HEADER_BYTES : HEADER_BYTES + STORED]
    + WHOLE[HEADER_BYTES + 2 * STORED :],
    "a frame twice": WHOLE[: HEADER_BYTES + STORED] + WHOLE[HEADER_BYTES:],
    "something added": WHOLE + b"\0",
}


@pytest.mark.parametrize("data", CHANGED.values(), ids=CHANGED.keys())
def test_what_was_changed_does_not_open(data: bytes) -> None:
    with pytest.raises(SealError, match="not what was sealed"):
        opened(data)


def test_another_key_zone_or_context_does_not_open() -> None:
    data = sealed(b"bytes", context="delivery 1")
    assert opened(data, context="delivery 1") == b"bytes"
    with pytest.raises(SealError, match="not what was sealed"):
        opened(data, context="delivery 2")
    for key in (ZoneKey(b"another", "landing"), ZoneKey(KEY.master, "vault")):
        with pytest.raises(SealError, match=r"sealed with key .* opened with"):
            opened(data, key, "delivery 1")


def test_a_file_that_is_not_sealed_is_named_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_bytes(b"15400001234" * 10)
    with pytest.raises(SealError, match="plain: expected a sealed file, it is none") as caught:
        read(path, KEY)
    assert "1540" not in str(caught.value)


def test_a_key_never_shows_itself() -> None:
    assert KEY.master.decode() not in repr(KEY)
    assert KEY.number not in KEY.master


def test_sealing_keeps_up_with_any_network() -> None:
    plain = bytes(64 << 20)
    began = time.perf_counter()
    sealed(plain)
    assert (64 << 20) / (time.perf_counter() - began) > 200e6  # alone it does four times that
