"""A real S3 server for tests: SeaweedFS on free ports of 127.0.0.1, with a key of its own."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from runtime.home import free_port, wait_until

BUCKET = "resumption"
_PORTS = ("master", "volume", "filer", "s3")


class Server:
    """SeaweedFS over a folder; ``variables`` lead to it. It may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[str, int] = {}
        for name in [f"{part}.port{kind}" for part in _PORTS for kind in ("", ".grpc")]:
            self._ports[name] = free_port(taken=tuple(self._ports.values()))
        key, secret = secrets.token_hex(10), secrets.token_hex(20)
        identity = {
            "name": "resumption",
            "credentials": [{"accessKey": key, "secretKey": secret}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self.variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._ports['s3.port']}",
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
        self.start()

    def start(self) -> None:
        """Start it and wait until it takes an object."""
        command = [
            str(Path(sys.executable).parent / "weed"), "server", f"-dir={self._folder}", "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1", "-s3", f"-s3.config={self._folder / 's3.json'}", "-s3.iam=false",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=20", "-master.volumeSizeLimitMB=64",
            *(f"-{name}={port}" for name, port in self._ports.items()),
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        came_up = wait_until(lambda: self._answers() or self._process.poll() is not None, 90)
        assert came_up, (self._folder / "log").read_text()[-2000:]
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait(20)

    def bucket(self) -> S3Store:
        """Return the bucket, as the server's own client sees it."""
        return S3Store(
            BUCKET,
            endpoint=self.variables["AWS_ENDPOINT_URL"],
            access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            region=self.variables["AWS_REGION"],
            client_options={"allow_http": True, "timeout": "5s"},
            retry_config={"max_retries": 0},
        )

    def _answers(self) -> bool:
        """Whether it takes an object; the first one makes the bucket."""
        try:
            obstore.put(self.bucket(), "made", b"")
            obstore.delete(self.bucket(), "made")
        except BaseError:
            return False
        return True
