"""
### What employees declare of identity, journey, contacts and symptoms, from the park portals by 22:00.

Names, document and phone numbers become tokens or are dropped before anything is written. One park codes contact as 0
and 1 and says in its header which means yes. If many rows end as ID_ROUNDED, a spreadsheet has spoilt the document
numbers: ask that park to send its list again with the column as text; they are never guessed.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("health_declarations", __doc__)
