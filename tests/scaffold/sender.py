"""A sender of one file over HTTP, as the export of the city's module serves it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "a token of this test"


@contextmanager
def export(feed: str, path: Path, business_date: str) -> Iterator[str]:
    """Serve ``path`` as a file of ``feed``; yield the Airflow connection to it."""
    body = path.read_bytes()
    entry = {
        "feed": feed, "business_date": business_date, "name": path.name, "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(), "rows": len(body.splitlines()) - 1,
        "published_at": f"{business_date}T21:30:00+08:00",
    }  # fmt: skip
    answers = {
        f"/exports/{feed}": json.dumps([entry]).encode(),
        f"/exports/{feed}/{business_date}/{path.name}": body,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
            found = answers.get(self.path.partition("?")[0]) if allowed else None
            self.send_response(200 if found is not None else 404 if allowed else 401)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": server.server_port, "password": TOKEN})
    finally:
        server.shutdown()
        server.server_close()
