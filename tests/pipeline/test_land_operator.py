"""What the ``land`` task does when a sender is late, broken or refuses us."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from resumption import dagkit, pipeline
from resumption.sources import SourceError, SourceRefusedError

DAY = date(2020, 2, 25)


def run(
    monkeypatch: pytest.MonkeyPatch, outcome: dict[str, int] | Exception, *, day: date = DAY, try_number: int = 1
) -> Any:
    def land(feed: str, day: date, run_id: str) -> dict[str, int]:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(pipeline, "land", land)
    operator = dagkit.LandOperator(task_id="land", feed="checkins", retries=5)
    context = {"task": operator, "run_id": "r", "ti": SimpleNamespace(try_number=try_number)}
    return operator.work(day, {**context, "outlet_events": defaultdict(MagicMock)})


def counts(**given: int) -> dict[str, int]:
    return {"landed": 0, "waiting": 0, "missing": 0, **given}


def test_what_was_landed_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, counts(landed=2, waiting=2)) == counts(landed=2, waiting=2)


def test_a_day_without_anything_is_skipped_once_it_is_long_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSkipException):
        run(monkeypatch, counts(missing=1))


def test_a_day_that_may_still_come_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowException, match="yet"):
        run(monkeypatch, counts(missing=1), day=date(2100, 1, 1))


def test_older_deliveries_go_on_though_the_day_itself_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, counts(waiting=3, missing=1))["waiting"] == 3


def test_a_sender_that_refuses_us_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowFailException):
        run(monkeypatch, SourceRefusedError("token"))


def test_a_broken_delivery_holds_the_others_up_only_until_the_last_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "waiting", lambda feed, day: 2)
    with pytest.raises(SourceError):
        run(monkeypatch, SourceError("404"), try_number=5)
    assert run(monkeypatch, SourceError("404"), try_number=6)["waiting"] == 2


def test_a_broken_sender_with_nothing_landed_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "waiting", lambda feed, day: 0)
    with pytest.raises(SourceError):
        run(monkeypatch, SourceError("down"), try_number=6)
