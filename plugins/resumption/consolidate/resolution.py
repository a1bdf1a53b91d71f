"""Which rows find no enterprise: what the lake alone cannot tell."""

from __future__ import annotations

import json
from datetime import date

import pyarrow as pa

from resumption import checks, ops
from resumption.consolidate.inputs import LakeInputs
from resumption.models import run_models

UNRESOLVED = "unresolved_row"
"""The model that lists the rows whose enterprise the registry does not know."""

ABSENT = "absent_entity"
"""The model that lists the active entities that the registry's latest full snapshot leaves out."""

REFERENCE = "feed_reference"
"""The model, and the suite, of how many rows of each feed find what they refer to in another."""


def resolve(day: date) -> int:
    """Put rows whose enterprise the registry at ``day`` does not know into quarantine; return their number.

    Every delivery shows its state at the latest built day: a row is released by itself once the registry knows the
    enterprise, since it then stands in the tables too.
    """
    with ops.holding():
        results = run_models(LakeInputs(day), day, [UNRESOLVED, ABSENT, REFERENCE])
    found, absent = results[UNRESOLVED], results[ABSENT]
    payload = [
        json.dumps({"uscc": row["uscc"], "name": row["name"]}, ensure_ascii=False)
        for row in found.select(["uscc", "name"]).to_pylist()
    ]
    unresolved = found.select(["delivery_id", "row_number", "reasons"]).append_column(
        "payload", pa.array(payload, pa.string())
    )
    references = checks.check_partition(REFERENCE, results[REFERENCE], day)
    with ops.engine().begin() as conn:
        ops.resolve_counts(conn, day, unresolved)
        # They keep their last state (decision 42); somebody should ask the registry.
        checked = ops.own_check("ABSENT_FROM_SNAPSHOT", absent.num_rows, absent.num_rows, None)
        ops.replace_checks(conn, "resolve", day, [checked])
        ops.replace_checks(conn, REFERENCE, day, checks.result_rows(references, None))
    return int(unresolved.num_rows)
