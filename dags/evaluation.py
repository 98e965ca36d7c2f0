"""Evaluation: what the campaigns did, in tables and on one page a night.

**Feeds** analysts and campaign managers: the `rpt` tables and `reports/<date>.html`. It starts when the night's lists are
out, so that its page shows them too.

**Normal**: half a minute on the demo. Late after 10:00.

**At 3 a.m.** Nothing here is urgent: no list waits for it. Clear the run in the morning.
"""

from airflow.sdk import DAG
from shared_parts import DEFAULT_ARGS, START, Tag, after_the_stage_before, stage_tasks

with DAG(
    "evaluation",
    schedule=after_the_stage_before("evaluation"),  # lists of the same date
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_2],
    default_args=DEFAULT_ARGS,
):
    stage_tasks("evaluation")
