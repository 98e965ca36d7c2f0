"""Maintenance: removes rows and files whose time is over, and compacts small files.

**Feeds** nothing; keeps reads fast and the disk bounded. Each contract says how long rows stay (`retention_days` or `keep`).
`retention` in conf/settings.yaml says it for lists, landing, alerts, pages, logs, training runs and Airflow's records.
`closedloop maintain --dry-run` shows what would go, `ops.expiry` what went. Table versions of the last 35 days stay, so that
every night of that time can be replayed. A table whose stage is at work is left for the next week; the others are published
one by one.

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
