"""
### Who is under observation at home, one workbook a community by 20:00.

Each file is its community's full list, so an earlier one never mixes with a later one. A community whose workbook was
rejected or did not come keeps its last good list; call its office, `ops.feed_delivery` says which file and why.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("quarantine_register", __doc__)
