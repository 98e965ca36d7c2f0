"""Targeting: all approved campaigns are decided together and become channel lists, exported once.

**Feeds** the channel systems, which pick files up from `exports/<CHANNEL>/` after their `.done`. One decision per
selected subscription and campaign, one row per contact in the files.

**Normal**: 15 seconds on the demo. Late after 08:30; sending windows open at 09:00.

**At 3 a.m.** Clearing this run never contacts anybody twice: files that were sent stay as they are.

- "stale suppression": a protective feed is missing, refused or shrunk. Nothing leaves until it is loaded. Get the feed, then
  clear `ingest` of the date.
- "not approved": the campaign's file changed after its approval. Run `campaign_approval`.
- Alert FILE_WITHHELD: one file did not leave; all others did, and the night goes on. Mend the cause and clear `export_lists`, or
  give the file up: `closedloop close-file FILE --by NAME --reason ...`.
"""

from airflow.sdk import DAG
from shared_parts import DEFAULT_ARGS, START, Tag, after_the_stage_before, stage_tasks

with DAG(
    "targeting",
    schedule=after_the_stage_before("targeting"),  # scores of the same date
    start_date=START,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=[Tag.tier_1],
    default_args=DEFAULT_ARGS,
):
    stage_tasks("targeting")
