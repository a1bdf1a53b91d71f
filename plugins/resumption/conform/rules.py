"""The conform rules that a contract may name: for one value, and where it pays for all plain values at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from resumption.conform import dates, documents, identity, masking, numbers, places, plain, text
from resumption.conform.values import Answer, Distinct
from resumption.contracts.feed import FeedColumn
from resumption.contracts.reasons import RowReason


@dataclass(frozen=True)
class RuleContext:
    """What a rule may know besides the value.

    Attributes:
        headers: contract column → header cell as the sender wrote it, which may hold a hint in brackets.
    """

    business_date: date
    token_key: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """What becomes of a column's values.

    Attributes:
        one: the answer to one value, and what stands beside it in the companion column.
        many: which values stand in their plain form, and the answers to these.
    """

    one: Callable[[str, str | None], Answer]
    many: Callable[[Distinct], plain.Plain] | None = None


def _alone(answer: Callable[[str], Answer], many: Callable[[pa.StringArray], plain.Plain] | None = None) -> Rule:
    """Return the rule of a column that needs no companion."""
    return Rule(lambda value, _: answer(value), many and (lambda distinct: many(distinct.values)))


def rule_of(column: FeedColumn, context: RuleContext) -> Rule:
    """Return the rule that a column's contract names.

    Raises:
        KeyError: there is no such rule.
    """
    spec, day = column.conform, context.business_date
    window, minimum, header = spec.window_days, spec.minimum, context.headers.get(column.name)
    rules: dict[str, Callable[[], Rule]] = {
        "text": lambda: _alone(text.plain_text, plain.texts),
        "name": lambda: _alone(text.both_names, text.all_names),
        "address": lambda: _alone(places.split_address, places.split_addresses),
        "uscc": lambda: _alone(identity.uscc, lambda v: (identity.valid_usccs(v), [v])),
        "uscc_or_name": lambda: _alone(
            identity.uscc_or_candidate, lambda v: (identity.valid_usccs(v), [v, pa.nulls(len(v), pa.string())])
        ),
        "phone": lambda: _alone(
            lambda value: identity.mobile_number(value, allow_masked=spec.allow_masked),
            lambda v: (identity.plainly_mobile(v), [v]),
        ),
        "id_number": lambda: Rule(
            lambda value, kind: documents.id_number(value, kind, day), lambda d: documents.plain_cards(d, day)
        ),
        "account": lambda: _alone(identity.account_number, plain.accounts),
        "place": lambda: _alone(places.to_region_code),
        "region_number": lambda: _alone(places.region_number),
        "city_code": lambda: Rule(places.city_code),
        "route": lambda: _alone(places.route),
        "date": lambda: _alone(lambda value: dates.to_date(value, day, window), lambda v: plain.dates(v, day, window)),
        "month": lambda: _alone(lambda value: dates.to_month(value, day)),
        "timestamp": lambda: _alone(
            lambda value: dates.to_timestamp(value, day, window, spec.written),
            lambda v: plain.timestamps(v, day, window, spec.written),
        ),
        "integer": lambda: _alone(
            lambda value: numbers.to_integer(value, minimum), lambda v: plain.integers(v, minimum)
        ),
        "quantity": lambda: _alone(
            lambda value: numbers.to_quantity(value, minimum), lambda v: plain.quantities(v, minimum)
        ),
        "number": lambda: _alone(lambda value: numbers.to_number(value, minimum), lambda v: plain.numbers(v, minimum)),
        "temperature": lambda: _alone(numbers.to_temperature),
        "boolean": lambda: _alone(numbers.boolean(spec.values, header)),
        "choice": lambda: _alone(lambda value: numbers.to_choice(value, spec.values or {})),
        "symptoms": lambda: _alone(numbers.to_symptomatic),
    }
    return rules[spec.rule]()


BLANK_REASONS = {"uscc": RowReason.USCC_MISSING}
"""Reason of a blank that may not be, where it is not simply ``REQUIRED_MISSING``."""


def mask(rule: str) -> Callable[[str], str]:
    """Return the mask of a column's raw value in a quarantined row's payload."""
    if rule in ("address", "symptoms", "temperature", "account", "route"):
        return masking.mask_withheld
    masks = {"phone": masking.mask_phone, "id_number": masking.mask_id, "drop": masking.mask_person}
    return masks.get(rule, masking.mask_text)
