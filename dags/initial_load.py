"""Initial load: takes a closed range of business dates through ingest, silver and the customer view, once, by hand.

**Feeds** the first night and the first training. It runs the jobs of a night in one pass over the range; the load time of old
files is their control file's creation time, never tonight. It is also the back-fill: give it the dates to load again.

**Normal**: 5 minutes for seven months of the demo.

**At 3 a.m.** Not a night job. If it was interrupted, run it again with the same dates.
"""

from airflow.sdk import DAG, Param
from shared_parts import DEFAULT_ARGS, START, WORK, Tag, range_tasks

with DAG(
    "initial_load",
    schedule=None,  # by hand
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.by_hand],
    default_args=DEFAULT_ARGS,
    params={
        "first": Param(type="string", format="date", description="first business date to load"),
        "last": Param(type="string", format="date", description="last business date to load"),
    },
):
    range_tasks(WORK.initial_load)
