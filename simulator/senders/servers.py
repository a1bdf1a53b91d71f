"""Both kinds of senders behind two ports, in a thread of their own."""

import asyncio
import json
import secrets
import threading
from datetime import datetime
from pathlib import Path
from types import TracebackType

import asyncssh
import uvicorn

from simulator.calendar import NEVER, at
from simulator.district import District
from simulator.feeds import DROP_SENDERS, FEEDS
from simulator.senders.clock import Clock
from simulator.senders.http import HttpSender, build_app
from simulator.senders.sftp import DropFolders, listen, make_login
from simulator.store import Store

HOST = "127.0.0.1"


class SenderServers:
    """The district's senders, listening while the context is open.

    `home` holds the generated files. `as_of` is the senders' moment (default: 12:00 on the day after the district's
    end); `set_time` moves it. `host` is the name or address to listen on, by which others find them. `connections`
    maps the names of Airflow's connection variables to their JSON.
    """

    def __init__(
        self,
        district: District,
        home: Path,
        *,
        as_of: datetime | None = None,
        host: str = HOST,
        http_port: int = 0,
        sftp_port: int = 0,
        key_algorithm: str = "ssh-ed25519",
    ) -> None:
        self.district = district
        self.home = home
        self.clock = Clock(as_of or at((district.end - district.start).days + district.first_day + 1, 12))
        self.store = Store(home / "files", district)
        self.folders = DropFolders(home / "drop", self.store, self.clock)
        self.token = secrets.token_urlsafe(24)
        self.host = host
        self.http_port = http_port
        self.sftp_port = sftp_port
        self.http = HttpSender(self.store, self.clock, self.token)
        self._host_key = asyncssh.generate_private_key(key_algorithm)
        self._logins = [make_login(user, self.folders.path(user)) for user in DROP_SENDERS]
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="senders", daemon=True)

    def __enter__(self) -> "SenderServers":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Put out the drop folders and listen; returns when both ports answer."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.folders.update()
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise RuntimeError("the senders could not start") from self._failure

    def stop(self) -> None:
        """Close both ports and wait for the thread."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=15)

    def set_time(self, as_of: datetime) -> None:
        """Move the senders' moment, forward or back."""
        self.clock.set(as_of)
        self.folders.update()

    def prepare(self) -> None:
        """Make all files that are out by now (they are otherwise made when first asked for)."""
        for name in sorted(FEEDS):
            for _ in self.store.all_entries(name, min(self.clock.day, NEVER)):
                pass

    @property
    def connections(self) -> dict[str, str]:
        """Airflow connections in JSON form, by environment variable."""
        http = {
            "conn_type": "http",
            "host": self.host,
            "port": self.http_port,
            "schema": "http",
            "password": self.token,
        }
        result = {"AIRFLOW_CONN_REGISTRY_API": http, "AIRFLOW_CONN_MODULE_API": http}
        public = self._host_key.export_public_key().decode().split()
        for login in self._logins:
            extra = {"host_key": " ".join(public[:2]), "no_host_key_check": "false", "allow_host_key_change": "false"}
            result[f"AIRFLOW_CONN_{login.user.upper()}_SFTP"] = {
                "conn_type": "sftp",
                "host": self.host,
                "port": self.sftp_port,
                "login": login.user,
                "password": login.password,
                "extra": extra,
            }
        return {name: json.dumps(connection) for name, connection in result.items()}

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits in start()
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        acceptor = await listen(self._logins, [self._host_key], self.host, self.sftp_port)
        self.sftp_port = acceptor.get_port()
        config = uvicorn.Config(
            build_app(self.http), host=self.host, port=self.http_port, log_level="error", lifespan="off"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        if serving.done():
            raise RuntimeError(f"port {self.http_port} of {self.host} cannot be listened on")
        self.http_port = server.servers[0].sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.should_exit = True
        acceptor.close()
        await serving
        await acceptor.wait_closed()
