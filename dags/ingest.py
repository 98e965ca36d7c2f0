"""Ingest: the extracts of one business date become bronze and silver tables.

**Feeds** `customer_view`, and through it everything else. One run handles one business date, the day that ended at the
tick. It verifies the files under `landing/` against their control files.

**Normal**: half a minute on the demo, 10 on a million subscriptions. `wait_for_feeds` waits for each feed until its contract's
deadline (06:00), then goes on without the late ones; they join the next night. Late when silver is not published by 06:30.

**At 3 a.m.** `closedloop status` names the feed that is missing or refused, and why. Ask the sender for a resend with a
higher resend number, then clear this run: loading a date again replaces it and loses nothing.

- Without a suppression feed (lists, complaints, channel results) this DAG succeeds, and `targeting` refuses to export.
- Without a feed of `when_missing: stop` (subscriptions, voice) `conform_to_silver` fails as FeedsMissing and says what to do.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, task
from shared_parts import DEFAULT_ARGS, START, Tag, nightly_schedule, require_key, stage_tasks

with DAG(
    "ingest",
    schedule=nightly_schedule(),  # midnight Asia/Shanghai, key = the day before
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_1],
    default_args=DEFAULT_ARGS,
):
    # No timeout of its own: each feed's deadline (conf/feeds, never past load_cutoff_hour) ends the wait.
    @task.sensor(task_id="wait_for_feeds", poke_interval=60, mode="reschedule")
    def wait_for_feeds(dag_run=None) -> bool:
        from jobs.stack.task import feeds_have_come

        return feeds_have_come(require_key(dag_run), now=datetime.now(UTC))

    wait_for_feeds() >> stage_tasks("ingest")[0]
