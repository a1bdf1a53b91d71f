"""Strict reading of Open Data Contract Standard (ODCS 3.1) files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from open_data_contract_standard.model import CustomProperty, OpenDataContractStandard
from pydantic import BaseModel, ValidationError


class ContractError(ValueError):
    """A contract file that does not say what it must; the message names the file, the place and the mend."""


def read(path: Path) -> OpenDataContractStandard:
    """Return the contract in ``path``.

    The standard's own models drop what they do not know; here an unknown key is an error, since a mistyped
    ``requird: true`` would otherwise pass in silence.

    Raises:
        ContractError: unreadable YAML, a wrong type, or a key that the standard does not have.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the safe loader, in C
        contract = OpenDataContractStandard.model_validate(raw)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ContractError(f"{path.name}: not a readable ODCS contract: {error}") from error
    unknown = _unknown_keys(raw, contract, "")
    if unknown:
        raise ContractError(f"{path.name}: keys that ODCS does not have: {', '.join(unknown)}")
    if not contract.schema_ or len(contract.schema_) != 1:
        raise ContractError(f"{path.name}: expected exactly one schema object")
    return contract


def _unknown_keys(raw: Any, model: Any, place: str) -> list[str]:
    """Return the paths of keys in ``raw`` that its parsed ``model`` did not take over."""
    if isinstance(raw, list) and isinstance(model, list):
        pairs = enumerate(zip(raw, model, strict=True))
        return [key for i, (r, m) in pairs for key in _unknown_keys(r, m, f"{place}[{i}]")]
    if not isinstance(raw, dict) or not isinstance(model, BaseModel):
        return []
    fields = {(field.alias or name): name for name, field in type(model).model_fields.items()}
    unknown = [f"{place}.{key}".lstrip(".") for key in raw if key not in fields]
    known = ((key, raw[key], getattr(model, fields[key])) for key in raw if key in fields)
    return unknown + [deeper for key, r, m in known for deeper in _unknown_keys(r, m, f"{place}.{key}")]


def custom(properties: list[CustomProperty] | None) -> dict[str, Any]:
    """Return ODCS ``customProperties`` as a mapping of property to value."""
    return {p.property: p.value for p in properties or [] if p.property}


def owner(contract: OpenDataContractStandard, path: Path) -> str:
    """Return the user name of the team member whose role is ``owner``.

    Raises:
        ContractError: when no owner is named.
    """
    members = getattr(contract.team, "members", None) or []
    for member in members:
        if member.role == "owner" and member.username:
            return str(member.username)
    raise ContractError(f"{path.name}: team.members must name one member with role: owner")
