"""Masks for what people may see of a quarantined row."""

from __future__ import annotations

import re

_ID = re.compile(r"(?<!\d)(\d{6})\d{10}(\d[\dXx])(?!\d)")
_PHONE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")


def mask_person(name: str) -> str:
    """张三丰 → 张*."""
    return f"{name.strip()[:1]}*"


def mask_phone(phone: str) -> str:
    """Keep the first three and last four digits where it is a phone, else only its length."""
    masked = _PHONE.sub(r"\1****\2", phone)
    return masked if masked != phone or "*" in phone else f"({len(phone)} characters)"


def mask_id(number: str) -> str:
    """Keep the first six and last two characters of what is long enough to be an identity card's, else its length."""
    shown = number.strip()
    return f"{shown[:6]}{'*' * (len(shown) - 8)}{shown[-2:]}" if len(shown) >= 15 else mask_withheld(number)


def mask_text(text: str) -> str:
    """Mask what looks like a phone or identity number inside free text, keeping codes that letters are part of."""
    return _PHONE.sub(r"\1****\2", _ID.sub(r"\1**********\2", text))


def mask_withheld(text: str) -> str:
    """Say only that something was there."""
    return f"({len(text)} characters)"
