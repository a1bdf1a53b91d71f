"""Files that a sender drops into dated folders on an SFTP server, each with a control file written last."""

from __future__ import annotations

import calendar
import logging
import re
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from resumption.contracts import SHANGHAI
from resumption.contracts.reasons import FileReason
from resumption.sources.base import (
    Download,
    FetchedFile,
    Offer,
    Sink,
    SourceError,
    SourceRefusedError,
    in_delivery_order,
    safe_name,
)
from resumption.sources.http_client import get_connection

if TYPE_CHECKING:
    from paramiko import SFTPAttributes, SFTPClient  # type: ignore[import-untyped]

    from resumption.contracts.feed import FeedContract
    from resumption.ops import DeliveryRow

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

OUTBOX = "/outbox"
CONTROL = ".ok"
_FOLDER = re.compile(r"\d{8}")
_CONTROL_LINE = re.compile(r"\s*([0-9a-fA-F]{64})\s+(\d{1,12})\s*")
_MAX_CONTROL_BYTES = 4096
_FOOTER_BYTES = 4 << 20
"""A year of row groups by the day needs a twentieth of it."""
_CHUNK = 1 << 18
_REQUESTS_AHEAD = 64
_TIMEOUT_SECONDS = 60.0
_CONNECT_SECONDS = 15
_ATTEMPTS = 3
_CLOCK_SKEW = timedelta(minutes=2)
"""A control file written less than this before we received the file may be newer than what we read."""


class SftpDrop:
    """``/outbox/YYYYMMDD/<name>`` and ``<name>.ok``; a file without its control file is still being written."""

    def __init__(self, contract: FeedContract) -> None:
        self._feed = contract.name
        self._connection_id = contract.source.connection
        self._names = FileNames(contract.name)
        self._open = ExitStack()
        self._client: SFTPClient | None = None
        self.problems: list[str] = []

    def offers(self, through: date, known: Sequence[DeliveryRow]) -> list[Offer]:
        """Return the feed's finished files with a business date up to ``through`` that are not in ``known``.

        One listing a folder tells whether a known file changed; a control file is read only where it may have.
        """
        self.problems = []
        unchanged = {(row.name, row.published_at): row for row in known if _is_settled(row)}
        found: list[Offer] = []
        for folder, day in self._folders():
            entries = {entry.filename: entry for entry in self._list(f"{OUTBOX}/{folder}")}
            for name in sorted(entries):
                offer = self._offer(folder, day, name, entries, through, unchanged)
                if offer is not None:
                    found.append(offer)
        return in_delivery_order(found)

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        """Download a file; a broken connection is opened again, a file that is gone is an error for a later attempt."""

        def take(client: SFTPClient) -> FetchedFile:
            download = Download(into, f"{self._connection_id} {offer.name}", offer.declared_size)
            days = self._names.days(offer.name)
            with client.open(offer.locator, "rb") as remote:
                size = remote.stat().st_size or 0
                remote.prefetch(size, max_concurrent_requests=_REQUESTS_AHEAD)
                while chunk := remote.read(_CHUNK):
                    download.write(chunk)
                    if days:
                        days.see(chunk)
            if download.size != size:
                raise EOFError(f"expected {size} bytes, got {download.size}")
            return replace(download.fetched(), last_day=days.last(offer.business_date) if days else None)

        return self._persist(f"get {offer.locator}", take)

    def close(self) -> None:
        """End the connection."""
        self._client = None
        stack, self._open = self._open, ExitStack()
        # What broke the connection has been reported already.
        with suppress(Exception):
            stack.close()

    def _folders(self) -> list[tuple[str, date]]:
        """Return the dated folders of the outbox, oldest first. Any of them may hold a late file."""
        dated = ((entry.filename, _date(entry.filename)) for entry in self._list(OUTBOX) if _is_folder(entry))
        return sorted((name, day) for name, day in dated if day is not None)

    def _list(self, path: str) -> list[SFTPAttributes]:
        return self._persist(f"list {path}", lambda client: client.listdir_attr(path))

    def _offer(
        self,
        folder: str,
        day: date,
        name: str,
        entries: dict[str, SFTPAttributes],
        through: date,
        unchanged: dict[tuple[str, datetime | None], DeliveryRow],
    ) -> Offer | None:
        """Return the offer of one directory entry, if it is a finished, new file of this feed up to ``through``."""
        control = entries.get(name + CONTROL)
        business_date = self._names.business_date(name, day)
        if control is None or business_date is None or not safe_name(name) or self._names.first_day(name) > through:
            return None
        published = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
        row = unchanged.get((name, published))
        if row is not None and _same(row, entries[name], control):
            return None
        path = f"{OUTBOX}/{folder}/{name}"
        declared = self._control(path + CONTROL)
        return Offer(
            feed=self._feed,
            sender=self._connection_id,
            business_date=business_date,
            name=name,
            published_at=published,
            locator=path,
            declared_sha256=declared[0] if declared else None,
            declared_rows=declared[1] if declared else None,
            declared_size=entries[name].st_size,
            problem=None if declared else FileReason.CONTROL_FILE_INVALID.value,
        )

    def _control(self, path: str) -> tuple[str, int] | None:
        """Return sha256 and rows of a control file; None if it is not one line ``sha256 rows``."""

        def take(client: SFTPClient) -> bytes:
            with client.open(path, "rb") as remote:
                content: bytes = remote.read(_MAX_CONTROL_BYTES)
                return content

        text = self._persist(f"get {path}", take).decode("ascii", errors="replace")
        match = _CONTROL_LINE.fullmatch(text.lstrip("\ufeff"))
        return (match[1].lower(), int(match[2])) if match else None

    def _persist(self, what: str, action: Callable[[SFTPClient], _T]) -> _T:
        """Run ``action`` on the open connection; open it anew when it broke."""
        from paramiko import SSHException

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return action(self._connected())
            except FileNotFoundError as error:
                raise SourceError(f"connection {self._connection_id}: {what}: it is no longer there") from error
            except PermissionError as error:
                raise SourceError(f"connection {self._connection_id}: {what}: the server denies access") from error
            except (SSHException, EOFError, OSError) as error:
                self.close()
                if attempt == _ATTEMPTS:
                    raise SourceError(
                        f"connection {self._connection_id}: {what}: failed {_ATTEMPTS} times, the last with "
                        f"{type(error).__name__}"
                    ) from error
                _log.info("%s: %s: %s; again in %d s", self._connection_id, what, type(error).__name__, attempt)
                time.sleep(attempt)
        raise AssertionError("unreachable")

    def _connected(self) -> SFTPClient:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> SFTPClient:
        """Open the connection with Airflow's hook, the server's key always checked."""
        import paramiko
        from airflow.providers.sftp.hooks.sftp import SFTPHook
        from airflow.sdk.exceptions import AirflowException

        require_host_key_check(self._connection_id)
        try:
            hook = SFTPHook(ssh_conn_id=self._connection_id, conn_timeout=_CONNECT_SECONDS, conn_retry_attempts=1)
        except (ValueError, paramiko.SSHException, AirflowException) as error:
            raise SourceRefusedError(
                f"connection {self._connection_id}: it cannot be used ({type(error).__name__}). Expected a host, a "
                "login with password or private key, and a `host_key` like `ssh-ed25519 AAAA…` in its extra"
            ) from error
        try:
            client: SFTPClient = self._open.enter_context(hook.get_managed_conn())
        except paramiko.BadHostKeyException as error:
            raise SourceRefusedError(
                f"connection {self._connection_id}: the server shows another host key than the connection's "
                "`host_key` (or known_hosts). Ask the sender before you replace it"
            ) from error
        except paramiko.AuthenticationException as error:
            raise SourceRefusedError(
                f"connection {self._connection_id}: the server does not accept the login; check login, password or key"
            ) from error
        except paramiko.SSHException as error:
            if "not found in known_hosts" not in str(error):
                raise
            raise SourceRefusedError(
                f"connection {self._connection_id}: the server's host key is not known. Put it as `host_key` into the "
                "connection's extra (for example `ssh-ed25519 AAAA…`), or into known_hosts"
            ) from error
        channel = client.get_channel()
        if channel is not None:
            channel.settimeout(_TIMEOUT_SECONDS)
        return client


class FileNames:
    """``{feed}_YYYYMMDD[_seq][_undo].ext`` and ``{feed}_history_YYYYMM[_seq].ext``, and nothing else."""

    def __init__(self, feed: str) -> None:
        end = r"(?:_\d{1,6})?(?:_undo)?\.(?!ok\Z|tmp\Z|part\Z)[A-Za-z0-9]{1,8}"
        self._daily = re.compile(rf"{re.escape(feed)}_(\d{{8}}){end}")
        self._history = re.compile(rf"{re.escape(feed)}_history_(\d{{4}})(\d{{2}}){end}")

    def business_date(self, name: str, folder: date) -> date | None:
        """Return the business date that a file's name carries, None if it is no file of the feed.

        A month of history ends on its last day, or on the day before it was delivered (decision 55).
        """
        if daily := self._daily.fullmatch(name):
            return _date(daily[1])
        if not (month := self._history.fullmatch(name)):
            return None
        first = _date(f"{month[1]}{month[2]}01")
        if first is None:
            return None
        last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
        return max(first, min(last, folder - timedelta(days=1)))

    def first_day(self, name: str) -> date:
        """Return the earliest business date that a file of this name can have; ``date.max`` if it is none."""
        month, daily = self._history.fullmatch(name), self._daily.fullmatch(name)
        digits = f"{month[1]}{month[2]}01" if month else daily[1] if daily else ""
        return _date(digits) or date.max

    def days(self, name: str) -> MonthDays | None:
        """Return what finds the days that a history file speaks of; None for other files."""
        month = self._history.fullmatch(name)
        kind = ParquetDays if name.endswith(".parquet") else MonthDays
        return kind(month[1], month[2]) if month else None


class MonthDays:
    """Finds the days of one month in the bytes of a file, as they pass."""

    def __init__(self, year: str, month: str) -> None:
        self._date = re.compile(rb"(?<!\d)%b([-/.]?)%b\1(\d\d)(?!\d)" % (year.encode(), month.encode()))
        self._days: set[bytes] = set()
        self._rest = b""

    def see(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        text = self._rest + chunk
        # What may be the beginning of a date waits for its end.
        whole = text.rstrip(b"0123456789-/.")
        self._days.update(day for _, day in self._date.findall(whole))
        self._rest = text[len(whole) :][-64:]

    def last(self, latest: date) -> date:
        """Return the last day seen, up to ``latest``; that itself where none was."""
        days = self._days.union(day for _, day in self._date.findall(self._rest))
        found = [day for day in range(1, latest.day + 1) if b"%02d" % day in days]
        return latest.replace(day=max(found)) if found else latest


class ParquetDays(MonthDays):
    """The same for Parquet, whose bytes show no dates: its last bytes hold the least and greatest value of columns."""

    def __init__(self, year: str, month: str) -> None:
        super().__init__(year, month)
        self._tail = b""

    def see(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        self._tail = (self._tail + chunk)[-_FOOTER_BYTES:]

    def last(self, latest: date) -> date:
        """Return the last day that the columns' greatest values show, up to ``latest``; else that itself."""
        for value in _greatest_values(self._tail):
            super().see(b"%b\n" % str(value)[:10].encode())
        return super().last(latest)


def _greatest_values(tail: bytes) -> list[Any]:
    """Return the greatest value of every column chunk that a Parquet file's last bytes tell; none of a damaged one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # All that a footer's reader looks at but the tail is the mark at the very beginning.
        footer = pq.read_metadata(pa.BufferReader(b"PAR1" + tail))
    except (pa.ArrowException, OSError):
        return []
    chunks = (footer.row_group(g).column(c) for g in range(footer.num_row_groups) for c in range(footer.num_columns))
    found = (chunk.statistics for chunk in chunks)
    return [statistics.max for statistics in found if statistics is not None and statistics.has_min_max]


def require_host_key_check(connection_id: str) -> None:
    """Refuse a connection that would trust any server.

    Raises:
        SourceRefusedError: its extra switches the check of the host key off.
    """
    extra = get_connection(connection_id).extra_dejson
    for option in ("no_host_key_check", "ignore_hostkey_verification", "allow_host_key_change"):
        if str(extra.get(option, "")).lower() == "true":
            raise SourceRefusedError(
                f"connection {connection_id}: `{option}` switches off the check of the server's key. Remove it and put "
                "the server's key as `host_key` into the connection's extra, or into known_hosts"
            )


def _date(digits: str) -> date | None:
    """Return the date of ``YYYYMMDD``, None if there is no such day."""
    if not _FOLDER.fullmatch(digits):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _is_folder(entry: SFTPAttributes) -> bool:
    return entry.st_mode is not None and stat.S_ISDIR(entry.st_mode)


def _is_settled(row: DeliveryRow) -> bool:
    """Whether a delivery was taken; a rejected one is looked at again, since its control file may be mended."""
    return row.outcome in ("landed", "accepted", "repeat")


def _same(row: DeliveryRow, file: SFTPAttributes, control: SFTPAttributes) -> bool:
    """Whether a listed file is the one received: same size, and neither it nor its control file written since."""
    if row.received_at is None or row.size_bytes != file.st_size:
        return False
    written = max(file.st_mtime or 0, control.st_mtime or 0)
    return written < (row.received_at - _CLOCK_SKEW).timestamp()
