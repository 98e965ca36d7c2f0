"""Scoring: the champions of the registry score every live subscription.

**Feeds** `targeting`: `gold.customer_score` and `gold.lifecycle_state`. Grain: subscription, snapshot date, model.

**Normal**: 1 minute on the demo, 4 for a million subscriptions and five models. Late after 07:30.

**At 3 a.m.** "no champion": run the `training` DAG once. "SHA-256 over the three files": a file of the registry was
changed; bring it back, or `closedloop rollback MODEL --to-version N --by WHO --reason WHY`, and clear the run. Alert
MODEL_CHANGED with scores there: somebody moved the alias `champion` in MLflow; the promoted version went on scoring.
"""

from airflow.sdk import DAG
from shared_parts import DEFAULT_ARGS, START, Tag, after_the_stage_before, stage_tasks

with DAG(
    "scoring",
    schedule=after_the_stage_before("scoring"),  # the view of the same date
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_1],
    default_args=DEFAULT_ARGS,
):
    stage_tasks("scoring")
