"""How a message leaves: mail over Airflow's SMTP hook, and webhooks. What is particular of a channel stands here.

Everything secret or particular to a place (host, token, recipients) is in the Airflow connection, so that each channel
may point at any host: the service itself, a gateway inside a closed network, or a test's server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
import smtplib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from resumption.alerts.messages import MessageRow
from resumption.alerts.routing import ChannelKind
from resumption.sources import SourceRefusedError
from resumption.sources.http_client import base_url, get_connection

if TYPE_CHECKING:
    from airflow.sdk import Connection

CONNECT_SECONDS, READ_SECONDS = 10.0, 20.0
_WECOM_BYTES, _DINGTALK_BYTES = 4096, 20_000
_SAID_AGAIN = frozenset({408, 425, 429})
_HOSTS = {
    "dingtalk": "https://oapi.dingtalk.com/robot/send",
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send",
}


class ChannelError(RuntimeError):
    """A message was not taken. ``here``: the fault is this message's own, others may well pass."""

    def __init__(self, message: str, *, here: bool = False) -> None:
        super().__init__(message)
        self.here = here


def is_set_up(channel: str) -> bool:
    """Whether a channel's connection exists; where that cannot be told, it does: what is queued is not lost."""
    try:
        get_connection(channel)
    except SourceRefusedError:
        return False
    except Exception:  # noqa: BLE001 - a secrets backend that is down raises its own
        return True
    return True


def send(channel: str, kind: ChannelKind, message: MessageRow) -> None:
    """Hand a message over; the same message bears the same identifier at every attempt.

    Raises:
        ChannelError: the receiver did not take it, or perhaps did and its answer was lost.
    """
    try:
        connection = get_connection(channel)
        _SENDERS[kind](channel, connection, message)
    except SourceRefusedError as error:
        raise ChannelError(str(error)) from error
    except requests.exceptions.RequestException as error:
        raise ChannelError(f"channel {channel}: {type(error).__name__}") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise ChannelError(f"channel {channel}: the mail server refuses the recipients: {codes}") from error
    except smtplib.SMTPResponseException as error:
        here = error.smtp_code in (552, 554)
        raise ChannelError(f"channel {channel}: the mail server answers {error.smtp_code}", here=here) from error
    except OSError as error:  # smtplib's own errors are among them
        raise ChannelError(f"channel {channel}: {type(error).__name__}") from error


def message_id(message: MessageRow, channel: str) -> str:
    """Return the identifier of a message on a channel, as mail writes it; receivers know a repeat by it."""
    return f"<{message['message_id']}.{channel}@resumption>"


def _mail(channel: str, connection: Connection, message: MessageRow) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    class Once(SmtpHook):
        """The outbox tries again, with its own patience."""

        smtp_retry_limit = 0

    recipients = connection.extra_dejson.get("to")
    if not recipients or not connection.extra_dejson.get("from_email"):
        raise ChannelError(f"channel {channel}: expected `to` and `from_email` in the connection's extra")
    headers = {"Message-ID": message_id(message, channel), "Auto-Submitted": "auto-generated"}
    with Once(smtp_conn_id=channel) as hook:
        hook.send_email_smtp(
            to=recipients, subject=message["title"], html_content=as_html(message["body"]), custom_headers=headers
        )


def as_html(body: str) -> str:
    """Return a text as HTML that keeps its lines and makes its addresses links."""
    linked = re.sub(r"(https?://[^\s<，。]+)", r'<a href="\1">\1</a>', html.escape(body))
    return f'<div style="white-space: pre-wrap; font-family: sans-serif">{linked}</div>'


def _dingtalk(channel: str, connection: Connection, message: MessageRow) -> None:
    body = cut(f"**{message['title']}**\n\n{message['body']}".replace("\n", "  \n"), _DINGTALK_BYTES)
    params = {"access_token": _secret(channel, connection), **_signature(connection)}
    answer = _post(channel, connection, "dingtalk", message, {"title": message["title"], "text": body}, params)
    _expect_zero(channel, answer)


def _wecom(channel: str, connection: Connection, message: MessageRow) -> None:
    body = cut(f"**{message['title']}**\n{message['body']}", _WECOM_BYTES)
    answer = _post(channel, connection, "wecom", message, {"content": body}, {"key": _secret(channel, connection)})
    _expect_zero(channel, answer)


def _slack(channel: str, connection: Connection, message: MessageRow) -> None:
    _request(channel, connection, base_url(connection), message, {"text": f"*{message['title']}*\n{message['body']}"})


def _json(channel: str, connection: Connection, message: MessageRow) -> None:
    headers = {"Authorization": f"Bearer {connection.password}"} if connection.password else {}
    said = {"title": message["title"], "text": message["body"], **message["facts"]}
    _request(channel, connection, base_url(connection), message, said, headers=headers)


_SENDERS: dict[ChannelKind, Callable[[str, Connection, MessageRow], None]] = {
    "mail": _mail,
    "dingtalk": _dingtalk,
    "wecom": _wecom,
    "slack": _slack,
    "json": _json,
}


def _post(
    channel: str,
    connection: Connection,
    service: str,
    message: MessageRow,
    markdown: dict[str, str],
    params: dict[str, str],
) -> requests.Response:
    """Post to a robot of a service, which takes Markdown, at its own host or the connection's."""
    home = urlsplit(_HOSTS[service])
    base = base_url(connection) if connection.host else f"{home.scheme}://{home.netloc}"
    url = base if urlsplit(base).path else base + home.path
    return _request(channel, connection, url, message, {"msgtype": "markdown", "markdown": markdown}, params=params)


def _request(
    channel: str,
    connection: Connection,
    url: str,
    message: MessageRow,
    said: dict[str, Any],
    *,
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> requests.Response:
    """Post JSON; the identifier of the message goes along as its idempotency key."""
    extra = connection.extra_dejson
    sent = {
        "Idempotency-Key": message_id(message, channel).strip("<>"),
        **(extra.get("headers") or {}),
        **(headers or {}),
    }
    with requests.post(
        url,
        json=said,
        params=params,
        headers=sent,
        timeout=(CONNECT_SECONDS, READ_SECONDS),
        verify=extra.get("ca_file") or True,
        allow_redirects=False,
    ) as answer:
        if answer.status_code // 100 != 2:
            here = 400 <= answer.status_code < 500 and answer.status_code not in {*_SAID_AGAIN, 401, 403, 404}
            raise ChannelError(f"channel {channel}: expected status 2xx, got {answer.status_code}", here=here)
        return answer


def _expect_zero(channel: str, answer: requests.Response) -> None:
    """Raise where a robot refuses: it answers with status 200 and a code of its own."""
    try:
        code = answer.json().get("errcode")
    except (ValueError, AttributeError):
        code = "no JSON object"
    if code != 0:
        raise ChannelError(f"channel {channel}: expected errcode 0, got {code}")


def _secret(channel: str, connection: Connection) -> str:
    if not connection.password:
        raise ChannelError(f"channel {channel}: expected the robot's token as the connection's password, got none")
    return str(connection.password)


def _signature(connection: Connection) -> dict[str, str]:
    """Return the parameters of a DingTalk robot that wants its calls signed (``secret`` in the extra)."""
    secret = str(connection.extra_dejson.get("secret") or "")
    if not secret:
        return {}
    at = str(round(time.time() * 1000))
    digest = hmac.new(secret.encode(), f"{at}\n{secret}".encode(), hashlib.sha256).digest()
    return {"timestamp": at, "sign": base64.b64encode(digest).decode()}


def cut(body: str, limit: int) -> str:
    """Return the lines of a text that fit into ``limit`` bytes of UTF-8."""
    if len(body.encode()) <= limit:
        return body
    kept: list[str] = []
    size = len("…".encode())
    for line in body.split("\n"):
        size += len(line.encode()) + 1
        if size > limit:
            break
        kept.append(line)
    return "\n".join([*kept, "…"])
