from __future__ import annotations

from dataclasses import replace

import pytest

from resumption import readers
from resumption.contracts.feed import DriftSpec
from resumption.contracts.reasons import FileReason
from resumption.readers import FileRejected, ReadResult
from tests.readers.contracts import feed

DATA = "代码,新列,手机号,读数,新列\na,x,1,2,u\n,,,,\nb,,3,4,v\n".encode()


def read(policy: str, data: bytes = DATA) -> ReadResult:
    return readers.read(data, replace(feed(), drift=DriftSpec.model_validate({"columns": policy})), 3)


@pytest.mark.parametrize("policy", ["evolve", "discard_row"])
def test_the_values_of_unknown_columns_stand_beside_their_rows(policy: str) -> None:
    result = read(policy)
    assert result.table["code"].to_pylist() == ["a", "b"]
    assert result.unknown is not None
    assert result.unknown.to_pydict() == {"新列": ["x", None], "新列 (5)": ["u", "v"]}


def test_discarded_values_go_no_further_but_are_told() -> None:
    result = read("discard_value")
    assert (result.unknown, result.unknown_columns) == (None, ("新列", "新列"))


def test_a_frozen_layout_takes_the_known_columns_in_any_order_and_no_other() -> None:
    with pytest.raises(FileRejected) as caught:
        read("freeze")
    assert caught.value.reason is FileReason.SCHEMA_FROZEN
    assert read("freeze", "手机号,读数,统一代码\n1,2,a\n1,2,b\n1,2,c\n".encode()).table.num_rows == 3
