"""The order in which models are evaluated, derived from what they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from resumption.models.loader import Model, ModelError


def order(models: Mapping[str, Model], targets: Iterable[str]) -> list[str]:
    """Return ``targets`` and every model they read on the same day, each after what it reads; ties by name.

    Raises:
        ModelError: an unknown target, or models that read each other in a circle.
    """
    needed = closure(models, targets)
    sorter = TopologicalSorter({name: sorted(models[name].reads("")) for name in sorted(needed)})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise ModelError(f"models read each other in a circle: {' <- '.join(error.args[1])}") from error


def closure(models: Mapping[str, Model], targets: Iterable[str], *, days: bool = False) -> set[str]:
    """Return ``targets`` and all models below them; with ``days`` also those read as of the previous day.

    Raises:
        ModelError: an unknown model.
    """
    found: set[str] = set()
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name not in models:
            raise ModelError(f"no model {name!r}: expected one of {', '.join(sorted(models))}")
        if name not in found:
            found.add(name)
            waiting += models[name].reads("")
            waiting += models[name].reads("previous_day") if days else ()
    return found


def previous_day_models(models: Mapping[str, Model], names: Iterable[str]) -> list[str]:
    """Return the models that ``names`` read as of the previous day, sorted.

    Raises:
        ModelError: such a model itself looks back, which would never end.
    """
    wanted = sorted({before for name in names for before in models[name].reads("previous_day")})
    for name in wanted:
        deeper = [m for m in closure(models, [name]) if models[m].reads("previous_day")]
        if deeper:
            raise ModelError(
                f"previous_day.{name}: {', '.join(sorted(deeper))} below it looks back too; split the model"
            )
    return wanted
