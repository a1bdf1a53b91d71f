"""A part of a date that fails its suite alone is taken in as soon as the rest of the date is there."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from resumption.pipeline import CriticalCheckError, receiving
from tests.proofs.district import LAST, deliveries, desk
from tests.proofs.outcome import accounts, nothing_yet, take_in


def test_what_was_kept_back_is_judged_again_with_what_joins_it(
    mart: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts_list = next(sent for sent in deliveries() if sent.offer.feed == "meter_accounts")
    good, refused = accounts_list.parts(len(accounts_list.rows) - 1)
    shown = [refused]
    monkeypatch.setattr(receiving, "open_source", lambda contract: desk(shown, contract))
    with nothing_yet(mart):
        with pytest.raises(CriticalCheckError):
            take_in("meter_accounts", LAST)
        shown.append(good)
        take_in("meter_accounts", LAST)
        assert [(key[-1], rows) for key, rows in accounts().items()] == [("accepted", [7, 6, 1, 0])]
