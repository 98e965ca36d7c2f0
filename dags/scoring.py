"""Scoring: the promoted models score every live subscription.

**Feeds** `targeting`: `gold.customer_score` and `gold.lifecycle_state`. One row per subscription, snapshot date and model.

**Normal**: 1 minute on the demo, 4 for a million subscriptions and five models. Late after 07:30.

**At 3 a.m.**

- "no training promoted a version": run the `training` DAG once.
- "SHA-256 over the three files": a file of the registry was changed. Bring it back, or run
  `closedloop rollback MODEL --to-version N --by WHO --reason WHY`. Then clear the run.
- Alert MODEL_CHANGED although there are scores: somebody moved the alias `champion` in MLflow. The promoted version went on
  scoring; find out who can write to the registry.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable
from shared_parts import CUSTOMER_VIEW, DEFAULT_ARGS, SCORES, START, Tag, business_date_task

with DAG(
    "scoring",
    schedule=PartitionedAssetTimetable(assets=CUSTOMER_VIEW),  # the view of the same date
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_1],
    default_args=DEFAULT_ARGS,
):
    business_date_task("score_subscriptions", "score", SCORES)
