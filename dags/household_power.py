"""
### Electricity of households under the grid company's own pseudonyms, Parquet by 09:00 of the next day.

History from October 2019 arrives once, in monthly files; each row goes to the partition of its own day. TRUNCATED
means that the copy broke off: the grid company writes file and control file again, and the next run takes them in.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("household_power", __doc__)
