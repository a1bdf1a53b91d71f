"""The form of the DAG `quarantine` reaches the pipeline with the name of whoever filled it in."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from datetime import date
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset

from resumption import pipeline, settings
from resumption.ui import runs

FORM = {
    "action": "correct", "feed": "approvals", "delivery_id": "d1", "row_numbers": [2, 3], "reason": None,
    "corrections": {"event": "通过"}, "note": "by phone", "by": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quarantine_dag", settings.project_root() / "dags" / "quarantine.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_every_field_has_a_form_and_nothing_runs_by_itself(module: ModuleType) -> None:
    assert set(module.dag.params) == set(FORM)
    assert module.dag.schedule is None


def test_the_days_it_touches_are_built_again(module: ModuleType) -> None:
    decide = module.dag.task_dict["decide"]
    assert [task.trigger_dag_id for task in decide.downstream_list] == ["restate"]


@pytest.mark.parametrize(("user", "by", "who"), [("li", None, "li"), ("li", "wang", "li"), (None, "wang", "wang")])
def test_the_form_reaches_the_pipeline(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, user: str | None, by: str | None, who: str
) -> None:
    asked: list[Any] = []

    def decide(*given: Any, **named: Any) -> pipeline.Publication:
        asked.append((given, named))
        return pipeline.Publication({"rows": 2}, (date(2020, 2, 25),))

    run = SimpleNamespace(triggering_user_name=user, run_id="manual__1")
    context = {"params": FORM | {"by": by}, "dag_run": run}
    announced: list[Any] = []
    monkeypatch.setattr(module, "announce", lambda *told: announced.append((told[0], *_days(told[1]))))
    monkeypatch.setattr(module, "get_current_context", lambda: context)
    monkeypatch.setattr(pipeline, "decide", decide)
    assert module.dag.task_dict["decide"].python_callable() == {"rows": 2}
    given = ("correct", "approvals", "d1", [2, 3], {"event": "通过"}, "by phone", who, "manual__1")
    assert asked == [(given, {"reason": None})]
    assert announced == [(context, ("approvals", ["2020-02-25"]))]


def _days(changed: Mapping[Asset, Iterable[str]]) -> list[tuple[str, list[str]]]:
    return [(asset.name, list(days)) for asset, days in changed.items()]


@pytest.mark.parametrize("error", [pipeline.DecisionError("no row is refused"), pipeline.CriticalCheckError("kept")])
def test_why_it_was_refused_is_told_to_the_page(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    told: dict[str, str] = {}

    def refuse(*_: Any, **__: Any) -> None:
        raise error

    run = SimpleNamespace(triggering_user_name="li", run_id="manual__1")
    task = SimpleNamespace(xcom_push=lambda key, value: told.update({key: value}))
    monkeypatch.setattr(module, "get_current_context", lambda: {"params": FORM, "dag_run": run, "ti": task})
    monkeypatch.setattr(pipeline, "decide", refuse)
    with pytest.raises(type(error)):
        module.dag.task_dict["decide"].python_callable()
    assert told == {runs.REFUSED: str(error)}
