"""Which version of a file counts does not depend on the order in which the versions become visible to us."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from resumption import landing, ops
from resumption.contracts import load_feed
from tests.proofs.district import FIRST, LAST, Desk, Sent, deliveries
from tests.proofs.outcome import nothing_yet

FEED = "approvals"
FIRST_VERSION, OTHER, _ = [sent for sent in deliveries() if sent.offer.feed == FEED]


def version(sent: Sent, hours: int) -> Sent:
    """Return the rows of ``sent`` as a version of the same file that is published some hours later."""
    at = FIRST_VERSION.offer.published_at + timedelta(hours=hours)
    offer = replace(sent.offer, name=FIRST_VERSION.offer.name, published_at=at, locator=f"{at}")
    return replace(sent, offer=offer)


VERSIONS = {
    "first": version(FIRST_VERSION, 0), "corrected": version(OTHER, 1), "back to the first": version(FIRST_VERSION, 2),
    "sent once more": version(FIRST_VERSION, 3),
}  # fmt: skip


def counting(arrival: Sequence[str]) -> list[tuple[str, str]]:
    """Return hash and time of publication of what counts after the versions have become visible one by one."""
    contract = load_feed(FEED)
    for n in range(1, len(arrival) + 1):
        landing.land(contract, Desk(VERSIONS[name] for name in arrival[:n]), LAST, "proof")
    with ops.engine().connect() as conn:
        landed = [d for d in ops.known_deliveries(conn, FEED) if d.outcome == "landed"]
    return [(d.sha256, str(d.published_at)) for d in ops.latest_versions(landed)]


@pytest.mark.parametrize("arrival", itertools.permutations(VERSIONS), ids=", ".join)
def test_the_version_that_counts_is_the_senders_latest(mart: sa.Engine, arrival: tuple[str, ...]) -> None:
    with nothing_yet(mart):
        ((sha256, _),) = counting(arrival)
    assert sha256 == VERSIONS["back to the first"].offer.declared_sha256
    assert FIRST_VERSION.offer.business_date == FIRST
