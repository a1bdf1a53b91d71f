"""Real receivers of alerts: a mail server and an HTTP server that can be down, slow or unwilling."""

from __future__ import annotations

import email
import email.message
import json
import threading
import time
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from runtime.home import free_port


class Mailbox:
    """A mail server on a port of this machine; ``mails`` is what it took."""

    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []
        self.code = "250 OK"
        self.port = free_port(20_025)
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.code.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, email.message.EmailMessage)
            self.mails.append(mail)
        return self.code

    def stop(self) -> None:
        self._controller.stop()


class Receiver:
    """An HTTP server; ``took`` is what it answered with success: path, headers and JSON."""

    def __init__(self, port: int = 0) -> None:
        self.took: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.status, self.answer, self.seconds = 200, b'{"errcode": 0}', 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.status == 200:
                    receiver.took.append((self.path, dict(self.headers), said))
                time.sleep(receiver.seconds)
                self.send_response(receiver.status)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
