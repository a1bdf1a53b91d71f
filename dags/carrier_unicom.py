"""
### Stays in other prefectures, a workbook from the carrier's drop by 07:00 of the next day.

The header stands below a title, the city is a code stored as a number. Files named `_undo` retract rows, whatever the
order of arrival. A workbook that is UNREADABLE or lacks a column is for the carrier to send again; if its layout
changed for good, add an alias to the contract.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("carrier_unicom", __doc__)
