"""Campaign approval: people approve a campaign, and the approval binds to the content of its file.

**Feeds** `targeting`: a campaign runs only while the SHA-256 of its content has gone the whole way. Six steps, two of them by
people: check the definition and try its files, pre-run, submit, **approve the campaign**, **approve its tasks**, release.
`conf/approval.yaml` says who may answer: never the maker (who started the run), never one person twice. The alert
APPROVAL_WAITING tells them.

**Normal**: as long as people take. It is a DAG of its own, so that no night ever waits for it.

**At 3 a.m.** Nothing waits. A rejection ends this run as failed, and the campaign does not run, even if the same content was
released before. Change the file and start again. `ops.approval` says who answered what, and when.
"""

from datetime import timedelta

from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, chain, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.hitl import HITLUser
from shared_parts import DEFAULT_ARGS, START, Tag

from conf.approval import load_approval_flow

FLOW = load_approval_flow()
PEOPLE = {login: HITLUser(id=login, name=login) for login in FLOW.logins}  # as Airflow assigns steps to them
BODY = """Campaign **{{ params.campaign_id }}**, content `{{ ti.xcom_pull(task_ids='submit') }}`: %s.

{{ ti.xcom_pull(task_ids='check_definition') }}

{{ ti.xcom_pull(task_ids='pre_run') }}"""


class RecordedApproval(ApprovalOperator):
    """An approval put before those who may give it, who are told; the answer is written down in the person's name first."""

    def __init__(self, *, step: str, **kwargs):
        super().__init__(**kwargs)
        self.step = step

    def execute(self, context):
        from jobs.targeting.approval_flow import put_before

        submitted, run = context["ti"].xcom_pull(task_ids="submit"), context["dag_run"]
        link = f"/dags/{self.dag_id}/runs/{run.run_id}/tasks/{self.task_id}/required_actions"
        logins = put_before(context["params"]["campaign_id"], submitted, self.step, link, run.run_after.date())
        self.assigned_users = [PEOPLE[login] for login in logins]
        return super().execute(context)

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
    max_active_runs=FLOW.waiting_at_once,
    doc_md=__doc__,
    tags=[Tag.by_hand],
    default_args=DEFAULT_ARGS,
    params={
        "campaign_id": Param(type="string", pattern="^[A-Z][A-Z0-9_]*$", description="id of the campaign to approve")
    },
):

    def by_machine(task_id: str):
        @task(task_id=task_id)
        def call(params=None) -> str:
            from jobs.targeting import approval_flow

            return getattr(approval_flow, task_id)(params["campaign_id"])

        return call()

    @task
    def submit(params=None, dag_run=None) -> str:
        from jobs.targeting.approval_flow import submit

        return submit(params["campaign_id"], dag_run.triggering_user_name)

    approvals = [
        RecordedApproval(
            step=step.step,
            task_id=step.task_id,
            subject=f"{{{{ params.campaign_id }}}}: {step.task_id.replace('_', ' ')}",
            body=BODY % step.asks,
            fail_on_reject=True,
            assigned_users=[PEOPLE[login] for login in step.approvers],
            response_timeout=timedelta(days=FLOW.response_days),
            retries=2,
        )
        for step in FLOW.steps
    ]

    @task
    def release(params=None, ti=None) -> str:
        from jobs.targeting.approval_flow import release

        return release(params["campaign_id"], ti.xcom_pull(task_ids="submit"))

    chain(by_machine("check_definition"), by_machine("pre_run"), submit(), *approvals, release())
