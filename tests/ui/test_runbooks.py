"""Runbooks: every alert's next step is a page, in the visitor's language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from resumption.ui.runbooks import folder

Client = Callable[..., TestClient]
KINDS = sorted(path.name.split(".")[0] for path in folder().glob("*.zh.md"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_runbook_is_shown_in_both_languages(client: Client, kind: str) -> None:
    for lang, name in (("zh", f"{kind}.zh.md"), ("en", f"{kind}.md")):
        answer = client("viewer", lang).get(f"/resumption/runbooks/{kind}")
        title = (folder() / name).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert answer.status_code == 200
        assert f"<h1>{title}</h1>" in answer.text
        assert '.md"' not in answer.text  # a link between files leads nowhere here


@pytest.mark.parametrize("kind", ["nothing", "..%2f..%2fREADME", "feed_late.zh"])
def test_only_runbooks_are_shown(client: Client, kind: str) -> None:
    assert client("viewer", "en").get(f"/resumption/runbooks/{kind}").status_code == 404
