"""Files on disk and objects in an object store, read and written the same way.

A place is a ``Path`` on disk, or the same interface over ``s3://``. What is written appears there as a whole or not at
all. Address and key of the store come from the environment, for the lake too: ``AWS_ENDPOINT_URL``, ``AWS_REGION``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, and ``AWS_ALLOW_HTTP=true`` where it speaks no TLS.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from upath import UPath

    Place = Path | UPath

STORE = "s3"


def place(url: str) -> Place:
    """Return the place that a path, a ``file://`` or an ``s3://`` URL names.

    Raises:
        ValueError: it has another scheme.
    """
    parts = urlsplit(url)
    if not parts.scheme:
        return Path(url).resolve()
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme != STORE:
        raise ValueError(f"expected a path, a file:// or an {STORE}:// URL, got the scheme {parts.scheme!r}")
    from upath import UPath

    filesystem()
    return UPath(url)


def filesystem() -> Any:
    """Return the object store as an fsspec filesystem."""
    import fsspec
    from obstore.fsspec import register

    register(STORE)
    return fsspec.filesystem(STORE)


def is_stored(urls: Iterable[str]) -> bool:
    """Whether any of some URLs is one of the object store."""
    return any(url.startswith(f"{STORE}://") for url in urls)


def opened(at: Place) -> BinaryIO:
    """Open a file to read. An object is fetched in one request: it may be replaced meanwhile."""
    return at.open("rb") if isinstance(at, Path) else BytesIO(at.read_bytes())


@contextmanager
def drafted(at: Place, mode: int) -> Iterator[BinaryIO]:
    """Give a file to write into; if the block ends well, it is at its place and on stable storage.

    Args:
        at: where to; what is there is replaced.
        mode: the permissions of a file on disk.
    """
    if isinstance(at, Path):
        at.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = (at.parent if isinstance(at, Path) else Path(tempfile.gettempdir())) / f".{uuid.uuid4().hex}"
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            yield file
            flush(file)
        publish(part, at, mode)
    finally:
        part.unlink(missing_ok=True)


def flush(file: BinaryIO) -> None:
    """Force what was written to disk."""
    file.flush()
    os.fsync(file.fileno())


def publish(part: Path, at: Place, mode: int, *, once: bool = False) -> None:
    """Move a finished file, which lies on the disk of its place, to it.

    Args:
        once: what is there already is the same and stays: a reader of an object never gets halves of two.
    """
    if isinstance(at, Path):
        at.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.chmod(mode)
        part.rename(at)
        _folder_to_disk(at.parent)
        return
    import obstore
    from obstore.exceptions import AlreadyExistsError
    from obstore.store import from_url

    store = from_url(str(at.parent))
    with suppress(AlreadyExistsError):
        if once:  # a conditional put, which is one request
            obstore.put(store, at.name, part, mode="create", use_multipart=False)
        else:
            obstore.put(store, at.name, part)
    part.unlink()


def files_below(at: Place) -> list[Place]:
    """Return the files at a place or below it, hidden ones too, sorted."""
    if at.is_file():
        return [at]
    return sorted((path for path in at.rglob("*") if not path.is_dir()), key=str)


def remove(at: Place) -> None:
    """Delete a file, or a folder with all below it; nothing happens where there is none."""
    if isinstance(at, Path):
        if at.is_dir() and not at.is_symlink():
            shutil.rmtree(at)
        else:
            at.unlink(missing_ok=True)
        return
    for path in files_below(at):
        path.unlink(missing_ok=True)


def _folder_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
