"""Customer view: answers and suppression first, then one row per subscription with everything known on the date.

**Feeds** `scoring` and the analysts: `gold.contact_history`, `gold.suppression`, `gold.customer_360`, tags, segments. One row
per subscription and snapshot date, made from the published silver tables.

**Normal**: 1 minute on the demo. Late after 07:00.

**At 3 a.m.** After a red gate yesterday's view stands. The Data Docs and `closedloop status` name the rule that failed. Mend
the source or, if the bound is wrong, the suite under `expectations/gold/`. Then clear the run.
"""

from airflow.sdk import DAG
from shared_parts import DEFAULT_ARGS, START, Tag, after_the_stage_before, stage_tasks

with DAG(
    "customer_view",
    schedule=after_the_stage_before("customer_view"),  # silver of the same date
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_1],
    default_args=DEFAULT_ARGS,
):
    stage_tasks("customer_view")
