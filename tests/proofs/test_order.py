"""In whatever order, however often and in however many pieces deliveries arrive, the same stands everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from resumption import consolidate
from resumption.pipeline import CriticalCheckError, receiving
from tests.proofs.conftest import drawn
from tests.proofs.district import DAYS, LAST, Sent, deliveries, desk
from tests.proofs.outcome import consolidate_day, differences, everything, nothing_yet, take_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def offered(patch: pytest.MonkeyPatch, sent: Sequence[Sent]) -> list[str]:
    """Let the senders have these deliveries; return their feeds."""
    patch.setattr(receiving, "open_source", lambda contract: desk(sent, contract))
    return list(dict.fromkeys(one.offer.feed for one in sent))


@pytest.fixture(scope="module")
def expected(mart: sa.Engine) -> dict[bool, dict[str, Any]]:
    """What a first run in the usual order leaves; by whether files will be split."""
    with nothing_yet(mart), pytest.MonkeyPatch.context() as patch:
        feeds = offered(patch, deliveries())
        for day in DAYS:
            for feed in feeds:
                take_in(feed, day)
            consolidate_day(day)
        found = {split: everything(split=split) for split in (False, True)}
    assert sum(map(len, found[False]["tables"].values())) > 500
    assert {key[-1] for key in found[False]["accounts"]} == {"accepted", "rejected"}
    assert {"resolve", "conform"} == {eval(row)[4] for row in found[False]["refused"]}
    return found


@st.composite
def sendings(draw: Callable[..., Any]) -> list[list[Sent]]:
    """Return batches that arrive one after the other, files drawn to pieces or not, some of them offered again."""
    pieces: list[Sent] = []
    for sent in deliveries():
        cut = draw(st.integers(0, len(sent.rows) - 1)) if sent.may_be_split and len(sent.rows) > 1 else 0
        pieces += sent.parts(cut) if cut and draw(st.booleans()) else [sent]
    order = draw(st.permutations(pieces))
    cut = draw(st.integers(1, len(order) - 1))
    again = draw(st.lists(st.sampled_from(order), max_size=4))
    return [order[:cut], [*order[cut:], *again]]


@drawn(short=3, long=40)
@given(
    sendings(), st.lists(st.sampled_from(DAYS), max_size=1), st.permutations(DAYS), st.randoms()
)  # fmt: skip
def test_any_order_repetition_and_splitting_gives_the_same(
    mart: sa.Engine,
    expected: dict[bool, dict[str, Any]],
    batches: list[list[Sent]],
    built_early: list[date],
    days: list[date],
    chance: Any,
) -> None:
    names = {one.offer.name for one in deliveries()}
    split = any(one.offer.name not in names for batch in batches for one in batch)
    shown: list[Sent] = []
    with nothing_yet(mart), pytest.MonkeyPatch.context() as patch:
        for batch in batches:
            shown += batch
            for feed in offered(patch, shown):
                # A part of a file alone may fail the suite of its date, and is kept back until the others are there.
                with suppress(CriticalCheckError) if batch is batches[0] else nullcontext():
                    take_in(feed, LAST if batch is batches[-1] else chance.choice(DAYS))
            for day in built_early if batch is batches[0] else days:
                consolidate_day(day)
        consolidate.restate("proof")
        assert consolidate.outdated() == []
        assert differences(everything(split=split), expected[split]) == []
