"""Campaign approval: a person approves one campaign, and the approval binds to the content of its file.

**Feeds** `targeting`: a campaign runs only while the SHA-256 of its content is the approved one. Six steps, two of them
by a person: check the definition, pre-run, submit, **approve the campaign**, **approve its tasks**, release.

**Normal**: as long as people take; it is a DAG of its own, so that no night ever waits for it.

**At 3 a.m.** Nothing waits. A rejected campaign ends this run as failed and does not run, also when the same content was
released before; change the file and start again. Who answered what, and when, stands in `ops.approval`.
"""

from datetime import timedelta

from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowFailException
from shared_parts import DEFAULT_ARGS, START, Tag

BODY = """Campaign **{{ params.campaign_id }}**, content `{{ ti.xcom_pull(task_ids='submit') }}`.

{{ ti.xcom_pull(task_ids='pre_run') }}"""


class RecordedApproval(ApprovalOperator):
    """An approval whose answer is written down in the person's name before it takes effect; a rejection ends the run."""

    def __init__(self, *, step: str, **kwargs):
        super().__init__(**kwargs)
        self.step = step

    def execute_complete(self, context, event):
        from jobs.targeting.approval_flow import record_answer

        if "error" not in event:
            submitted = context["ti"].xcom_pull(task_ids="submit")
            record_answer(context["params"]["campaign_id"], submitted, self.step, event)
        try:
            return super().execute_complete(context, event)
        except HITLRejectException as rejection:
            raise AirflowFailException(str(rejection)) from None  # decided: asking again is a new run


with DAG(
    "campaign_approval",
    schedule=None,  # by hand, one run a campaign
    start_date=START,
    catchup=False,
    max_active_runs=8,
    doc_md=__doc__,
    tags=[Tag.by_hand],
    default_args=DEFAULT_ARGS,
    params={"campaign_id": Param("CRBT_ACTIVATION", type="string")},
    render_template_as_native_obj=False,
):

    @task
    def check_definition(params=None) -> str:
        from jobs.targeting.approval_flow import check_definition

        return check_definition(params["campaign_id"])

    @task
    def pre_run(params=None) -> str:
        from jobs.targeting.approval_flow import pre_run

        return pre_run(params["campaign_id"])

    @task
    def submit(params=None) -> str:
        from jobs.targeting.approval_flow import submit

        return submit(params["campaign_id"])

    approvals = [
        RecordedApproval(
            step=step,
            task_id=task_id,
            subject=f"{{{{ params.campaign_id }}}}: {task_id.replace('_', ' ')}",
            body=BODY,
            fail_on_reject=True,
            response_timeout=timedelta(days=14),
            retries=2,
        )
        for task_id, step in (("approve_campaign", "REVIEW"), ("approve_tasks", "TASKS"))
    ]

    @task
    def release(params=None, ti=None) -> str:
        from jobs.targeting.approval_flow import release

        return release(params["campaign_id"], ti.xcom_pull(task_ids="submit"))

    check_definition() >> pre_run() >> submit() >> approvals[0] >> approvals[1] >> release()
