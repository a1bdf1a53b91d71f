"""
### Decide about rows in quarantine: release, correct, discard, replay

Press *Trigger*, fill in the form, and look at what **decide** returns. Rows and their reasons stand in
`ops.quarantine_row`, deliveries in `ops.feed_delivery`.

| action | what it does | fill in |
| --- | --- | --- |
| `release` | the rows are judged again under the contract and reference data of now | rows or a reason |
| `correct` | the same, with your cells laid over what the sender sent | rows or a reason, corrections |
| `discard` | the rows stay out, whatever the contract says later | rows or a reason |
| `replay` | the whole delivery is judged again, also a rejected one | neither |

Corrections look like `{"planned_resume_date": "2020-03-01"}`: a column by the sender's or the lake's name, and the cell
as the sender should have written it; `null` for blank. Columns with personal data are refused, and so are notes with
numbers of people: what is typed here stays in this run. Rows that are not named stay as they are. Every decision is
kept in `ops.quarantine_action` with your name and note, and no one can change it there. Then **restate** builds the
tables of the days that the rows reach. See `docs/operating.md`.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, get_current_context, task

from resumption.contracts import feed_names
from resumption.contracts.reasons import RowReason
from resumption.dagkit import announce, feed_asset, watched


@task(outlets=[feed_asset(feed) for feed in feed_names()])
def decide() -> dict[str, int]:
    """Record the decision and carry it out; return counts of rows."""
    from resumption import pipeline

    context = get_current_context()
    form, run = context["params"], context["dag_run"]
    try:
        done = pipeline.decide(
            form["action"],
            form["feed"],
            form["delivery_id"],
            form["row_numbers"],
            form["corrections"],
            form["note"],
            run.triggering_user_name or form["by"] or "",
            run.run_id,
            reason=form["reason"],
        )
    except (pipeline.DecisionError, pipeline.CriticalCheckError) as error:
        # The page of the decision shows it; else it would stand in this task's log alone.
        context["ti"].xcom_push(key="refused", value=str(error))
        raise
    announce(context, {feed_asset(form["feed"]): map(str, done.committed)} if done.committed else {})
    return done.counts


with DAG(
    dag_id="quarantine",
    description="Release, correct, discard or replay what is in quarantine",
    doc_md=__doc__,
    schedule=None,
    **watched(),
    default_args={"owner": "resumption-office-data", "retries": 0},
    tags=["quarantine", "by-hand"],
    params={
        "action": Param("release", type="string", enum=["release", "correct", "discard", "replay"]),
        "feed": Param(type="string", enum=feed_names()),
        "delivery_id": Param(type="string", minLength=1, description="As in ops.feed_delivery."),
        "row_numbers": Param([], type="array", items={"type": "integer", "minimum": 1}, title="Rows"),
        "reason": Param(
            None, type=["null", "string"], enum=[None, *RowReason], description="Instead of rows: all of it."
        ),
        "corrections": Param({}, type="object", description='{"column": "cell"}, for correct only.'),
        "note": Param(type="string", minLength=1, description="Why; never a person's number."),
        "by": Param(None, type=["null", "string"], description="Who decides, where nobody is logged in."),
    },
) as dag:
    decide() >> TriggerDagRunOperator(task_id="restate", trigger_dag_id="restate")
