"""What operators decided about refused rows: ``ops.quarantine_action``, and what of it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from resumption.ops.tables import ActionRow, quarantine_action, quarantine_row


@dataclass(frozen=True)
class Standing:
    """The decisions on a delivery that hold whenever it is judged.

    Attributes:
        corrections: row numbers and the cells to lay over them, the earlier decision first.
        discarded: rows that stay out.
    """

    corrections: tuple[tuple[Sequence[int], Mapping[str, str | None]], ...] = ()
    discarded: frozenset[int] = frozenset()


def standing(actions: Sequence[ActionRow]) -> Standing:
    """Return what stands after ``actions``, in the order they were taken.

    The latest decision on a row says whether it stays out; a correction holds until another corrects the same cell.
    """
    discarded: set[int] = set()
    for action in actions:
        if action.action == "discard":
            discarded |= set(action.row_numbers)
        elif action.action in ("release", "correct"):
            discarded -= set(action.row_numbers)
    corrections = tuple((a.row_numbers, a.corrections) for a in actions if a.action == "correct")
    return Standing(corrections, frozenset(discarded))


def actions_on(conn: sa.Connection, delivery_id: str) -> list[ActionRow]:
    """Every decision on a delivery, in the order they were taken."""
    query = sa.select(quarantine_action).where(quarantine_action.c.delivery_id == delivery_id)
    return [ActionRow(**row) for row in conn.execute(query.order_by(quarantine_action.c.action_id)).mappings()]


def standings(conn: sa.Connection, delivery_ids: Sequence[str]) -> dict[str, Standing]:
    """Return what stands on each of these deliveries that was ever decided about."""
    query = sa.select(quarantine_action).where(quarantine_action.c.delivery_id.in_(delivery_ids))
    decided: dict[str, list[ActionRow]] = defaultdict(list)
    for row in conn.execute(query.order_by(quarantine_action.c.action_id)).mappings():
        decided[row["delivery_id"]].append(ActionRow(**row))
    return {delivery_id: standing(actions) for delivery_id, actions in decided.items()}


def chosen(row_numbers: Sequence[int]) -> sa.Select[tuple[int]]:
    """Return row numbers as a query, so that a hundred thousand of them are one parameter."""
    numbers = sa.literal(list(row_numbers), ARRAY(sa.BigInteger))
    return sa.select(sa.func.unnest(numbers, type_=sa.BigInteger))


def record_action(conn: sa.Connection, action: ActionRow) -> int:
    """Append a decision, mark the refused rows it is about, and return its number."""
    values = {name: value for name, value in asdict(action).items() if name != "action_id"}
    values["row_numbers"] = list(action.row_numbers)
    insert = quarantine_action.insert().values(values).returning(quarantine_action.c.action_id)
    number: int = conn.execute(insert).scalar_one()
    columns = quarantine_row.c
    condition = columns.delivery_id == action.delivery_id
    if action.action == "replay":
        condition = sa.and_(condition, columns.state == "open")
    else:
        condition = sa.and_(condition, columns.row_number.in_(chosen(action.row_numbers)))
    conn.execute(quarantine_row.update().where(condition).values(action_id=number))
    return number
