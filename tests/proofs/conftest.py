"""How much is drawn: little and always the same by default, much with HYPOTHESIS_PROFILE=long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import hypothesis
import pytest
import sqlalchemy as sa

from resumption.consolidate import building
from resumption.models import runner
from resumption.models.loader import load_models
from resumption.warehouse import create_all

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


def drawn(short: int, long: int) -> hypothesis.settings:
    """Return settings for that many examples; the short run draws the same ones every time."""
    # Only the long run looks for the smallest example: it takes as long as ten others.
    phases = [hypothesis.Phase.generate, *([hypothesis.Phase.shrink] if LONG else [])]
    return hypothesis.settings(
        max_examples=long if LONG else short,
        derandomize=not LONG,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=phases,
    )


@pytest.fixture(scope="module")
def mart(warehouse: sa.Engine) -> Iterator[sa.Engine]:
    """The module's warehouse with all tables. The SQL is parsed once, since the proofs build many days."""
    create_all(warehouse)
    with pytest.MonkeyPatch.context() as patch:
        for module in (runner, building):
            patch.setattr(module, "load_models", cache(load_models))
        yield warehouse
