"""
### Stays in other prefectures, tab-separated UTF-16 text from the carrier's drop by 07:00 of the next day.

Files named `_undo` retract rows, whatever the order of arrival. WRONG_ENCODING means that somebody opened the file and
saved it anew: ask the carrier for the file as it was exported; it is never decoded by guessing.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("carrier_telecom", __doc__)
