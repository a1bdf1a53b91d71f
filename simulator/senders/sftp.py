"""The SFTP senders: a drop folder each for the carriers and the grid company, behind one port."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from simulator.calendar import as_date
from simulator.feeds import DROP_SENDERS, FEEDS
from simulator.senders.clock import Clock, moment_of
from simulator.store import Entry, Store

_WRITING = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


class DropFolders:
    """The folders as they stand at the clock's moment, as hard links to the store's files."""

    def __init__(self, root: Path, store: Store, clock: Clock) -> None:
        self.root = root
        self._store = store
        self._clock = clock

    def path(self, sender: str) -> Path:
        """Return the root that a sender's login sees."""
        return self.root / sender

    def update(self) -> None:
        """Put out what is out by now and take away what is not; makes missing files."""
        for sender in DROP_SENDERS:
            (self.path(sender) / "outbox").mkdir(parents=True, exist_ok=True)
            wanted: set[Path] = set()
            for entry in self._entries(sender):
                wanted |= self._place(sender, entry)
            for path in (self.path(sender) / "outbox").rglob("*"):
                if path.is_file() and path not in wanted:
                    path.unlink()

    def _entries(self, sender: str) -> Iterator[Entry]:
        for name, feed in FEEDS.items():
            if feed.sender == sender:
                for entry in self._store.all_entries(name, self._clock.day):
                    if entry.listed_at(self._clock.minute):
                        yield entry

    def _place(self, sender: str, entry: Entry) -> set[Path]:
        """Put out one file and, once it is complete, its control file."""
        version = entry.version
        folder = self.path(sender) / "outbox" / as_date(version.folder).strftime("%Y%m%d")
        folder.mkdir(exist_ok=True)
        placed = {folder / version.name}
        _link(Path(entry.path), folder / version.name, version.ready)
        if entry.complete_at(self._clock.minute):
            control = folder / f"{version.name}.ok"
            hash_ = "" if version.fault == "bad_control" else f"{entry.declared_sha256} "
            control.write_text(f"{hash_}{entry.declared_rows}\n")
            _touch(control, version.ok_ready)
            placed.add(control)
        return placed


def _link(source: Path, target: Path, minute: int) -> None:
    if target.exists() and target.samefile(source):
        return
    target.unlink(missing_ok=True)
    os.link(source, target)
    _touch(target, minute)


def _touch(path: Path, minute: int) -> None:
    seconds = moment_of(minute).timestamp()
    os.utime(path, (seconds, seconds))


@dataclass(frozen=True)
class Login:
    """A user of the SFTP server and the folder that is all it sees."""

    user: str
    password: str
    root: Path


def make_login(user: str, root: Path) -> Login:
    """Return a login with a new random password."""
    return Login(user, secrets.token_urlsafe(18), root)


class _Door(asyncssh.SSHServer):
    """Lets in the known logins by password."""

    def __init__(self, logins: dict[str, Login]) -> None:
        self._logins = logins

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        login = self._logins.get(username)
        return login is not None and secrets.compare_digest(login.password.encode(), password.encode())


class _ReadOnlyFolder(asyncssh.SFTPServer):
    """The folder of one login; nothing in it can be changed."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & _WRITING:
            raise asyncssh.SFTPPermissionDenied("this drop folder is read-only")
        return super().open(path, pflags, attrs)


def _refuse(*_: object) -> None:
    raise asyncssh.SFTPPermissionDenied("this drop folder is read-only")


_CHANGING = ("remove", "rename", "posix_rename", "mkdir", "rmdir", "setstat", "lsetstat", "fsetstat", "symlink", "link")
for _name in _CHANGING:
    setattr(_ReadOnlyFolder, _name, _refuse)


async def listen(logins: list[Login], host_keys: list[asyncssh.SSHKey], host: str, port: int) -> asyncssh.SSHAcceptor:
    """Start the SFTP server; port 0 takes a free one."""
    by_user = {login.user: login for login in logins}

    def folder(channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        login = by_user[channel.get_connection().get_extra_info("username")]
        return _ReadOnlyFolder(channel, chroot=os.fsencode(login.root))

    return await asyncssh.listen(
        host,
        port,
        server_factory=lambda: _Door(by_user),
        server_host_keys=host_keys,
        sftp_factory=folder,
        allow_scp=False,
    )
