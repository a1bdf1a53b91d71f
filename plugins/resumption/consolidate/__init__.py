"""From the lake to the warehouse: which feeds are there, which rows find no enterprise, and the day's tables."""

from resumption.consolidate.building import KeptBackError, Published, as_known, build, outdated, restate
from resumption.consolidate.closing import ExpiredError
from resumption.consolidate.inputs import LakeInputs
from resumption.consolidate.readiness import expected_at, judge_freshness, judge_now, last_due
from resumption.consolidate.resolution import REFERENCE, resolve

__all__ = [
    "REFERENCE",
    "ExpiredError",
    "KeptBackError",
    "LakeInputs",
    "Published",
    "as_known",
    "build",
    "expected_at",
    "judge_freshness",
    "judge_now",
    "last_due",
    "outdated",
    "resolve",
    "restate",
]
