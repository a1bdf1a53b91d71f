"""From the outbox to the receivers: nothing is lost while one is down, and nobody is told twice by two senders."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field

from resumption import ops
from resumption.alerts.channels import ChannelError, send
from resumption.alerts.messages import MessageRow
from resumption.alerts.routing import Routes

_log = logging.getLogger(__name__)
_FIRST_WAIT, _LONGEST_WAIT = dt.timedelta(minutes=1), dt.timedelta(hours=1)


class UndeliveredError(RuntimeError):
    """Messages were given up; the message of this error names them and their channels."""


@dataclass
class Sent:
    """What a pass came to: counts of messages, and those that were given up in it."""

    sent: int = 0
    waiting: int = 0
    dead: list[str] = field(default_factory=list)


def send_pending(routes: Routes, now: dt.datetime | None = None) -> Sent:
    """Try every message that is due, one sender at a time; what an attempt came to is noted at once.

    A channel that fails is left alone for this pass, unless only the one message is at fault. A crash after the
    receiver took a message and before that is noted sends it once more, under the same identifier.
    """
    done, down = Sent(), set[str]()
    with ops.holding("alerts:send") as conn:
        for message in ops.due_messages(conn, now or dt.datetime.now(dt.UTC)):
            channel = message["channel"]
            if channel in down:
                done.waiting += 1
                continue
            error = _try(message, routes)
            _note(message, error, routes, now or dt.datetime.now(dt.UTC), done)
            if error and not error.here:
                down.add(channel)
    return done


def _try(message: MessageRow, routes: Routes) -> ChannelError | None:
    kind = routes.channels.get(message["channel"])
    if kind is None:
        return ChannelError(f"channel {message['channel']} does not stand in include/alerts/routes.yaml any more")
    try:
        send(message["channel"], kind, message)
    except ChannelError as error:
        return error
    return None


def _note(message: MessageRow, error: ChannelError | None, routes: Routes, now: dt.datetime, done: Sent) -> None:
    if error is None:
        values = {"state": "sent", "sent_at": now, "last_error": None}
        done.sent += 1
    elif now - message["queued_at"] >= dt.timedelta(hours=routes.give_up_after_hours):
        values = {"state": "dead", "last_error": str(error)}
        done.dead.append(f"{message['message_id'][:12]} to {message['owner']}: {error}")
        _log.error("given up: message %s to %s: %s", message["message_id"], message["owner"], error)
    else:
        values = {"next_try_at": now + _wait(message["attempts"]), "last_error": str(error)}
        done.waiting += 1
        _log.warning("message %s to %s waits: %s", message["message_id"], message["owner"], error)
    with ops.engine().begin() as conn:
        ops.note_attempt(conn, message["message_id"], message["channel"], values)


def _wait(attempts: int) -> dt.timedelta:
    return min(_LONGEST_WAIT, _FIRST_WAIT * (1 << min(attempts, 10)))
