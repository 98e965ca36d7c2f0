"""Scoring: the promoted models score every live subscription.

**Feeds** `targeting`: `gold.customer_score` and `gold.lifecycle_state`. One row per subscription, snapshot date and model.

**Normal**: 10 seconds on the demo, 4 minutes for a million subscriptions and five models. Late after 07:30.

**At 3 a.m.**

- "no training promoted a version": run the `training` DAG once.
- "SHA-256 over the three files": a file of the registry was changed. Bring it back, or run
  `closedloop rollback MODEL --to-version N --by WHO --reason WHY`. Then clear the run.
- Alert MODEL_CHANGED although there are scores: somebody moved the alias `champion` in MLflow. The promoted version went on
  scoring; find out who can write to the registry.
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
