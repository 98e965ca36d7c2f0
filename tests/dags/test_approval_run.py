"""A campaign's approval run by Airflow itself and answered over its REST API, as people answer it."""

from __future__ import annotations

import copy
import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conf.approval import load_approval_flow
from conf.campaigns import load_campaigns

MAKER, MANAGER, LEAD = "campaign_maker", "manager", "channel_lead"
APPROVAL = "campaign_approval"
STEPS = ["check_definition", "pre_run", "submit", "approve_campaign", "approve_tasks", "release"]
SECONDS = 90


def open_question(session) -> dict:
    """The approval that waits, asked for as the demo and a person's page do."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        path = "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input"
        found = session.get(path).json()["hitl_details"]
        if found:
            return found[0]
        time.sleep(0.2)
    raise AssertionError("no approval came up")


def answer(session, question: dict, option: str) -> int:
    """Answer an approval as the session's user; returns the status code."""
    instance = question["task_instance"]
    path = (
        f"/api/v2/dags/{APPROVAL}/dagRuns/{instance['dag_run_id']}/taskInstances/{instance['task_id']}/-1/hitlDetails"
    )
    return session.patch(path, json={"chosen_options": [option], "params_input": {}}).status_code


def end_the_run_when_they_fail(people: Callable[[], Any]) -> Any:
    """Airflow's test run waits for an answer without end."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    try:
        return people()
    except BaseException:
        with create_session() as session:
            session.query(DagRun).filter(DagRun.dag_id == APPROVAL).update({"state": "failed"})
        raise


@pytest.fixture
def run(dag_bag, settings, monkeypatch):
    """Run the DAG while `people` answer in a thread; returns task id -> state, and what `people` returned."""
    from airflow.serialization.definitions.dag import SerializedDAG

    create = SerializedDAG.create_dagrun

    def as_the_maker(self, **given):
        return create(self, **{**given, "triggering_user_name": MAKER})

    monkeypatch.setenv("CLOSEDLOOP_HOME", str(settings.home))
    monkeypatch.setattr(SerializedDAG, "create_dagrun", as_the_maker)

    dag = dag_bag.dags[APPROVAL]
    monkeypatch.setattr(dag, "params", copy.deepcopy(dag.params))  # a test run writes its campaign into them

    def play(people: Callable[[], Any]) -> tuple[dict[str, str], Any]:
        with ThreadPoolExecutor(1) as pool:
            answers = pool.submit(end_the_run_when_they_fail, people)
            found = dag.test(logical_date=None, run_conf={"campaign_id": "CRBT_SAVE"})
            states = {instance.task_id: str(instance.state) for instance in found.get_task_instances()}
            return states, answers.result()

    return play


def test_six_steps_are_gone_one_after_the_other_and_two_people_answer(run, api, dag_bag, settings):
    """Domain rule M4: the way of approval was cut from ten steps to six; two of them are different people's."""
    from jobs.targeting.approval import approved_hash, campaign_hash, decisions_about

    dag = dag_bag.dags[APPROVAL]
    assert [task.task_id for task in dag.topological_sort()] == STEPS
    for before, after in itertools.pairwise(STEPS):
        assert dag.get_task(before).downstream_task_ids == {after}

    def people() -> list[tuple[str, list[int], int]]:
        codes = []
        sessions = {user: api(user) for user in (MAKER, MANAGER, LEAD)}
        for right in (MANAGER, LEAD):
            question = open_question(sessions[MAKER])
            assert [user["id"] for user in question["assigned_users"]] == [right]
            wrong = [answer(session, question, "Approve") for user, session in sessions.items() if user != right]
            codes.append((question["task_instance"]["task_id"], wrong, answer(sessions[right], question, "Approve")))
        return codes

    states, codes = run(people)

    assert codes == [("approve_campaign", [403, 403], 200), ("approve_tasks", [403, 403], 200)]
    assert states == dict.fromkeys(STEPS, "success")
    rows = [(row["step"], row["decided_by"]) for row in decisions_about(settings, "CRBT_SAVE")]
    assert rows == [("SUBMIT", MAKER), ("REVIEW", MANAGER), ("TASKS", LEAD), ("RELEASE", LEAD)]
    assert approved_hash(settings, "CRBT_SAVE") == campaign_hash(load_campaigns()["CRBT_SAVE"])
    alerts = [
        json.loads(path.read_text(encoding="utf-8")) for path in settings.path("alerts").glob("*APPROVAL_WAITING*")
    ]
    assert {alert["text"].rsplit(" ", 1)[-1] for alert in alerts} == {MANAGER, LEAD}, "each approver was told"
    assert all("/required_actions" in alert["link"] for alert in alerts)


def test_rejection_is_recorded_in_the_persons_name_and_ends_the_run(run, api, settings):
    from jobs.targeting.approval import approved_hash, decisions_about

    states, code = run(lambda: answer(api(MANAGER), open_question(api(MANAGER)), "Reject"))

    assert code == 200
    assert (states["approve_campaign"], states["approve_tasks"]) == ("failed", "upstream_failed")
    rows = [(row["step"], row["decision"], row["decided_by"]) for row in decisions_about(settings, "CRBT_SAVE")]
    assert rows == [("SUBMIT", "SUBMITTED", MAKER), ("REVIEW", "REJECTED", MANAGER)]
    assert approved_hash(settings, "CRBT_SAVE") is None


def test_flow_of_the_demo_has_different_people():
    assert load_approval_flow().different_people() == (MANAGER, LEAD)
