"""Who is told over which channels, and what is silenced: ``include/alerts/routes.yaml`` and ``silences.yaml``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resumption import settings
from resumption.alerts.kinds import OFFICE, Kind, Severity
from resumption.contracts import feed_names, load_feed, load_table, table_names

_M = TypeVar("_M", bound=BaseModel)
ChannelKind = Literal["mail", "dingtalk", "wecom", "slack", "json"]


class AlertConfigError(ValueError):
    """A file of ``include/alerts`` that does not say what it must; the message names file, place and mend."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Route(_Strict):
    """Which alerts go where; what is left out matches all."""

    owner: str | None = None
    tier: int | None = Field(default=None, ge=1)
    """This tier and the more important ones."""
    severity: Severity | None = None
    channels: tuple[str, ...]

    def takes(self, owner: str, tier: int, severity: Severity) -> bool:
        """Whether a message is this route's."""
        return (
            self.owner in (None, owner)
            and (self.tier is None or tier <= self.tier)
            and (self.severity in (None, severity))
        )


class Routes(_Strict):
    """All of ``routes.yaml``. ``channels``: Airflow connection → kind of channel; one without a connection is off."""

    language: Literal["zh", "en"] = "zh"
    remind_after_hours: float = Field(default=24, ge=24)
    """A critical alert that is still open is told again after this, at most once a day."""
    give_up_after_hours: float = Field(default=24, gt=0)
    """A message that no attempt could deliver for so long is dead."""
    channels: Mapping[str, ChannelKind]
    routes: tuple[Route, ...]

    @model_validator(mode="after")
    def _known(self) -> Routes:
        named = {name for route in self.routes for name in route.channels}
        if unknown := sorted(named - set(self.channels)):
            raise ValueError(f"routes name channels that are not declared: {', '.join(unknown)}")
        owners = {route.owner for route in self.routes if route.owner}
        if unknown := sorted(owners - _owners()):
            raise ValueError(f"no contract has the owners {', '.join(unknown)}")
        return self

    def channels_for(self, owner: str, tier: int, severity: Severity) -> tuple[str, ...]:
        """Return the channels of the first route that takes a message."""
        return next((route.channels for route in self.routes if route.takes(owner, tier, severity)), ())


class Silence(_Strict):
    """What nobody wants to be told for a while, why, and where that was agreed."""

    subject: str
    kind: Kind | None = None
    reference: str = Field(min_length=3)
    until: dt.date
    """The last day, in Shanghai."""
    why: str = Field(min_length=3)

    def covers(self, subject: str, kind: str, day: dt.date) -> bool:
        """Whether an alert is silenced on ``day``."""
        return (
            self.subject == subject and self.kind in (None, kind) and kind != Kind.SILENCE_LAPSED and day <= self.until
        )


class _Silences(_Strict):
    silences: tuple[Silence, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> _Silences:
        if unknown := sorted({s.subject for s in self.silences} - subjects()):
            raise ValueError(f"there is no feed, table or DAG of the name {', '.join(unknown)}")
        return self


def subjects() -> set[str]:
    """Return everything an alert may be about: feeds, tables, DAGs, and what is checked across them."""
    dags = {path.stem for path in (settings.project_root() / "dags").glob("*.py")}
    return {*feed_names(), *table_names(), *dags, "resolve", "feed_reference", "reconciliation"}


def load_routes(folder: Path | None = None) -> Routes:
    """Return the routes.

    Raises:
        AlertConfigError: unreadable, an unknown key, a channel or owner that does not exist.
    """
    return _read("routes.yaml", folder, Routes)


def load_silences(folder: Path | None = None) -> tuple[Silence, ...]:
    """Return the silences, lapsed ones too.

    Raises:
        AlertConfigError: unreadable, no reference, no expiry, no reason, or of something that does not exist.
    """
    return _read("silences.yaml", folder, _Silences).silences


def _read(name: str, folder: Path | None, model: type[_M]) -> _M:
    path = (folder or settings.project_root() / "include" / "alerts") / name
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise AlertConfigError(f"include/alerts/{name}: {error}; see docs/alerts.md") from error


def _owners() -> set[str]:
    return {OFFICE, *(load_feed(f).owner for f in feed_names()), *(load_table(t).owner for t in table_names())}
