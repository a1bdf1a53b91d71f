"""
### Absences of broadband accounts, an old Excel workbook (XLS) from the cable company's drop by 08:00 of the next day.

Keyed by account: a masked phone stays unknown and merges with nobody's. Files named `_undo` retract rows, whatever the
order of arrival. An UNREADABLE workbook is for the company to send again.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("carrier_wasu", __doc__)
