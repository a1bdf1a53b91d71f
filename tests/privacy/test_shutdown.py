"""One command ends all purposes: nothing personal is left, it is proved, and nothing is taken in any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from resumption import ops, pipeline, settings, storage
from resumption.contracts import load_table, table_names
from resumption.landing import PurposeEndedError
from resumption.retention import Hold, RetentionError, shut_down
from resumption.retention.shutdown import CONFIRMATION, PROOF_FILE, ShutdownError
from tests.privacy.place import count, district, files, fresh, proofs
from tests.proofs.district import LAST
from tests.proofs.outcome import differences, everything

__all__ = ["district", "fresh"]

WHO = {"by": "test", "run_id": "test"}


def test_it_ends_all_purposes_and_proves_the_deletion(fresh: Callable[[], None]) -> None:
    before = everything()
    key, report = settings.home() / "token.key", settings.home() / "reports" / "page.html"
    key.write_text("key")
    report.parent.mkdir()
    report.write_text("page")
    said: list[str] = []
    shut_down(CONFIRMATION, **WHO, copies=[report.parent], key_files=[key], tell=said.append)

    assert [files(zone) for zone in ("landing", "vault", "lake", "reports")] == [[], [], [], []]
    for name in table_names():
        rows = count(f"select count(*) from mart.{name}")
        assert (rows == 0) if load_table(name).retention else (rows == len(before["tables"][name]))
    assert count("select count(*) from ops.quarantine_row where payload is not null") == 0
    assert not key.exists()
    assert "key" in said[-1]
    proved = [row for row in proofs() if row["act"] == "shutdown"]
    assert {row["remaining"] for row in proved} == {0}
    assert (proved[0]["place"], proved[-1]["place"]) == ("purpose", "key")
    written = json.loads((settings.home() / PROOF_FILE).read_text())
    assert {row["place"] for row in written} == {"landing", "lake", "vault", "run folder", "mart", "ops", "key"}
    with pytest.raises(PurposeEndedError, match="all purposes have ended"):
        pipeline.land("checkins", LAST, "test")
    shut_down(CONFIRMATION, **WHO, copies=[report.parent], key_files=[key], tell=said.append)


def test_without_the_right_word_or_under_a_legal_hold_nothing_is_changed(fresh: Callable[[], None]) -> None:
    before = everything()
    with pytest.raises(ShutdownError, match="confirm with"):
        shut_down("yes", **WHO)
    hold = Hold(
        subject="checkins", reference="COURT-1", who="legal office", why="a complaint", since=LAST, until=date.max
    )
    with pytest.raises(ShutdownError, match="COURT-1"):
        shut_down(CONFIRMATION, **WHO, holds=[hold])
    assert differences(everything(), before) == []
    with ops.engine().connect() as conn:
        assert not ops.purposes_ended(conn)


def test_the_proof_fails_and_the_key_stays_where_something_is_left(
    fresh: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = settings.home() / "token.key"
    key.write_text("key")
    remove = storage.remove

    def forgetful(at: Path) -> None:
        if at.name != "vault":
            remove(at)

    monkeypatch.setattr(storage, "remove", forgetful)
    with pytest.raises(RetentionError, match=r"vault all feeds \d+"):
        shut_down(CONFIRMATION, **WHO, key_files=[key])
    assert key.exists()
