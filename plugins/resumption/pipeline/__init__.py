"""The stages that DAG tasks run. Each may be repeated at any time, in any order, and leaves the same state."""

from resumption.pipeline.decisions import DecisionError, decide
from resumption.pipeline.judging import Judged, judge_delivery
from resumption.pipeline.publication import CriticalCheckError, Publication, publish
from resumption.pipeline.receiving import is_due, land, waiting

__all__ = [
    "CriticalCheckError",
    "DecisionError",
    "Judged",
    "Publication",
    "decide",
    "is_due",
    "judge_delivery",
    "land",
    "publish",
    "waiting",
]
