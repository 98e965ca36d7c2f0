"""Training: challengers are trained on published customer views and promoted when they pass.

**Feeds** `scoring`, through the newest PROMOTED row of each model in `ops.model_run`; MLflow shows it as `champion`. Made from
`gold.customer_360` of the cut-off dates and the labels of the 30 days after them.

**Normal**: 1 minute on the demo, 15 for a million subscriptions.

**At 3 a.m.** Never urgent: scoring goes on with the champions it has. `ops.model_run` and the tags of the MLflow run say why a
challenger was refused.
"""

from airflow.sdk import DAG, Param
from shared_parts import DEFAULT_ARGS, START, WORK, Tag, range_tasks, weekly_schedule

with DAG(
    "training",
    schedule=weekly_schedule("training"),  # Sunday noon, Asia/Shanghai, long after the night
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_3],
    default_args=DEFAULT_ARGS,
    params={
        "first": Param(None, type=["null", "string"], format="date", description="empty: the first day of history"),
        "last": Param(None, type=["null", "string"], format="date", description="empty: the newest customer view"),
    },
):
    range_tasks(WORK.weekly["training"].jobs)
