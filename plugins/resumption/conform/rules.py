"""The conform rules that a contract may name, each a function from distinct values to answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from resumption.conform import dates, identity, masking, numbers, places, text
from resumption.conform.values import Answer, Conformed, Refused
from resumption.contracts.feed import ConformSpec
from resumption.contracts.reasons import RowReason


@dataclass(frozen=True)
class RuleContext:
    """What a rule may know besides the value."""

    business_date: date
    token_key: bytes


Rule = Callable[[str], Answer]


@dataclass(frozen=True)
class Shortcut:
    """For columns of many distinct values: what is ``clean`` needs no rule, only ``convert``."""

    clean: Callable[[pa.StringArray], pa.BooleanArray]
    convert: Callable[[str], object]


def _phone(context: RuleContext) -> Rule:
    token = identity.tokeniser(context.token_key, "phone:")

    def to_token(value: str) -> Answer:
        answer = identity.mobile_number(value)
        return answer if isinstance(answer, Refused) else Conformed(token(answer.value), answer.mark)

    return to_token


def shortcut(spec: ConformSpec, context: RuleContext) -> Shortcut | None:
    """Return the shortcut of a rule, where it has one."""
    if spec.rule == "phone":
        return Shortcut(identity.plainly_mobile, identity.tokeniser(context.token_key, "phone:"))
    if spec.rule in ("uscc", "uscc_or_name"):
        return Shortcut(identity.valid_usccs, str)
    return None


def single(spec: ConformSpec, context: RuleContext) -> Rule:
    """Return the rule of a column that becomes one lake column.

    Raises:
        KeyError: the contract names a rule that does not exist.
    """
    day, window = context.business_date, spec.window_days
    rules: dict[str, Callable[[], Rule]] = {
        "text": lambda: text.plain_text,
        "uscc": lambda: identity.uscc,
        "phone": lambda: _phone(context),
        "place": lambda: places.to_region_code,
        "date": lambda: lambda value: dates.to_date(value, day, window),
        "month": lambda: lambda value: dates.to_month(value, day),
        "timestamp": lambda: lambda value: dates.to_timestamp(value, day, window),
        "integer": lambda: lambda value: numbers.to_integer(value, spec.minimum),
        "quantity": lambda: lambda value: numbers.to_quantity(value, spec.minimum),
        "number": lambda: lambda value: numbers.to_number(value, spec.minimum),
        "temperature": lambda: numbers.to_temperature,
        "boolean": lambda: lambda value: numbers.to_boolean(value, spec.values),
        "choice": lambda: lambda value: numbers.to_choice(value, spec.values or {}),
        "symptoms": lambda: numbers.to_symptomatic,
    }
    return rules[spec.rule]()


def paired(spec: ConformSpec) -> Callable[[str], tuple[str | None, str | None, str | None]]:
    """Return the rule of a column that becomes two lake columns, as value → (first, second, mark)."""
    if spec.rule == "name":
        return lambda value: (text.fold(value), text.normalise_name(value), None)
    if spec.rule == "address":
        return lambda value: (*places.split_address(value), None)
    return identity.uscc_or_candidate


PAIRED = ("name", "address", "uscc_or_name")
"""Rules that yield two lake columns."""

BLANK_REASONS = {"uscc": RowReason.USCC_MISSING}
"""Reason of a blank that may not be, where it is not simply ``REQUIRED_MISSING``."""


def mask(rule: str) -> Callable[[str], str]:
    """Return the mask of a column's raw value in a quarantined row's payload."""
    if rule == "phone":
        return masking.mask_phone
    if rule in ("address", "symptoms", "temperature"):
        return masking.mask_withheld
    if rule == "drop":
        return masking.mask_person
    return masking.mask_text
