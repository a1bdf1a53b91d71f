from __future__ import annotations

import dataclasses
import threading

import pytest
import sqlalchemy as sa

from resumption import ops
from resumption.contracts import TableColumn, TableContract
from resumption.warehouse import create_all, schema
from tests.warehouse.tables import column, contract


@pytest.fixture
def engine(warehouse_url: str) -> sa.Engine:
    return ops.engine(warehouse_url)


def with_columns(table: TableContract, *columns: TableColumn) -> TableContract:
    return dataclasses.replace(table, columns=(*table.columns, *columns))


def test_a_table_is_what_its_contract_says(engine: sa.Engine) -> None:
    create_all(engine, [contract("firm")])
    found = sa.inspect(engine)
    columns = {c["name"]: c for c in found.get_columns("firm", schema="mart")}
    assert found.get_pk_constraint("firm", schema="mart")["constrained_columns"] == ["uscc", "business_date"]
    assert found.get_table_comment("firm", schema="mart")["text"] == "One row a firm and day."
    assert columns["staff_rate"]["comment"] == "What staff_rate means. Unit: fraction. [internal]"
    assert [name for name, c in columns.items() if not c["nullable"]] == ["uscc", "business_date"]
    assert [i["column_names"] for i in found.get_indexes("firm", schema="mart")] == [["business_date"]]


def test_creating_at_once_and_again_is_harmless(engine: sa.Engine) -> None:
    errors: list[BaseException] = []

    def create() -> None:
        try:
            create_all(engine, [contract("many")])
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
            errors.append(error)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


def test_a_new_column_of_the_contract_is_added(engine: sa.Engine) -> None:
    old = contract("growing")
    create_all(engine, [old])
    create_all(engine, [with_columns(old, column("region code", "text[]"))])
    found = {c["name"]: c for c in sa.inspect(engine).get_columns("growing", schema="mart")}
    assert found["region code"]["comment"] == "What region code means. [internal]"


def test_other_changes_are_a_decision_not_a_default(engine: sa.Engine) -> None:
    table = contract("changing")
    create_all(engine, [table])
    retyped = tuple(column("staff_total", "text") if c.name == "staff_total" else c for c in table.columns)
    with pytest.raises(schema.SchemaError, match=r"mart\.changing: .* differ in staff_total .*write a revision"):
        create_all(engine, [dataclasses.replace(table, columns=retyped)])
    with pytest.raises(schema.SchemaError, match="differ in needed"):
        create_all(engine, [with_columns(table, column("needed", "text", required=True))])
