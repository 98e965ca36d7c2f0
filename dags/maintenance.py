"""Maintenance: rows and files whose time is over go, small files are compacted.

**Feeds** nothing; keeps reads fast and the disk bounded. How long rows stay says each contract (`retention_days` or `keep`),
how long lists, landing, alerts, pages, logs, training runs and Airflow's records stay says `retention` in
conf/settings.yaml. `closedloop maintain --dry-run` tells what would go, `ops.expiry` what went. Table
versions of the last 35 days stay, so that every night of that time can be replayed. A table whose stage is at work is left
for the next week; the others are published one by one.

**Normal**: 3 minutes on the demo. Weekly, never during a night.

**At 3 a.m.** Clear it, or leave it to the next week.
"""

from airflow.sdk import DAG, Param
from shared_parts import DEFAULT_ARGS, START, WORK, Tag, range_tasks, weekly_schedule

with DAG(
    "maintenance",
    schedule=weekly_schedule("maintenance"),  # Sunday 15:00, Asia/Shanghai, after training
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_3],
    default_args=DEFAULT_ARGS,
    params={
        "first": Param(None, type=["null", "string"], format="date", description="empty: the first day of history"),
        "last": Param(
            None,
            type=["null", "string"],
            format="date",
            description="empty: the newest customer view; retention counts from it",
        ),
    },
):
    range_tasks(WORK.weekly["maintenance"].jobs)
