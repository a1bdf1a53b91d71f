"""
### Changes of the health code's colour, four JSON files a day from the code's operator, the last by 22:00.

Only changes are sent, in no certain order: the latest `updated_at` of a person counts. If a file is missing, the
other three are published; the operator sends it again under its old date and it is taken in when it comes.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("health_codes", __doc__)
