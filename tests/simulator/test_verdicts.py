"""The page of defects, and whose turn it is on the last day that is shown by default."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from simulator import verdicts
from simulator.calendar import number
from simulator.catalogue import catalogue
from simulator.defects import REJECTED_AS, turn
from simulator.feeds import FEEDS

FIRST, LAST = date(2020, 2, 10), date(2020, 2, 25)


def test_the_projects_page_is_up_to_date() -> None:
    assert verdicts.PATH.read_text(encoding="utf-8") == verdicts.page()


def test_every_line_stands_on_the_page() -> None:
    page = verdicts.page()
    sections = {part.partition("\n")[0]: part for part in page.split("\n### ")}
    for line in catalogue():
        assert f"| `{line.name}` |" in (sections[line.feed] if line.kind == "row" else page)


def test_a_stale_page_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "PATH", tmp_path / "defects.md")
    monkeypatch.setattr(sys, "argv", ["verdicts", "--check"])
    with pytest.raises(SystemExit, match=r"simulator\.verdicts"):
        verdicts.main()
    monkeypatch.setattr(sys, "argv", ["verdicts"])
    verdicts.main()
    monkeypatch.setattr(sys, "argv", ["verdicts", "--check"])
    verdicts.main()


def test_no_turn_costs_a_whole_feed_on_the_last_default_day() -> None:
    rejected = []
    for feed in (feed for feed in FEEDS.values() if feed.days is FEEDS["checkins"].days):
        slots = [slot.key for slot in feed.slots]
        faults = turn(feed, number(LAST) - number(FIRST), slots)
        rejected += [(feed, slots) for fault in faults.values() if fault in REJECTED_AS]
    assert rejected
    # Of several files one; or an export, whose sender puts the good file beside it the same evening.
    assert [feed.name for feed, slots in rejected if len(slots) == 1 and feed.dropped] == []
