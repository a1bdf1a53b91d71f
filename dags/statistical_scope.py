"""
### Which enterprises count in the resumption rate, from the statistics bureau's monthly workbook.

Subtotal rows are counted as ignored. Rows without a code are settled by name when the tables are built.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("statistical_scope", __doc__)
