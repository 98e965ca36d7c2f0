"""Targeting: approved campaigns become channel lists, decided together, exported once.

**Feeds** the channel systems, which pick files up from `exports/<CHANNEL>/` after their `.done`. Grain: one decision per
selected subscription and campaign, one row per contact in the files.

**Normal**: 2 minutes on the demo. Lists must be out by 08:30, windows open at 09:00.

**At 3 a.m.** "stale suppression": a protective feed is missing, refused or shrunk; nothing leaves until it is loaded: get
the feed, clear `ingest` of the date. "not approved": the campaign's file changed after its approval; run
`campaign_approval`. Alert FILE_WITHHELD: one file did not leave, all others did and the night goes on; mend the cause and
clear `export_lists`, or `closedloop close-file FILE --by NAME --reason ...`. Clearing this run never contacts anybody twice:
files that were sent stay as they are.
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
