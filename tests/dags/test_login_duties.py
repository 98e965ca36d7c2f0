"""Maker and approver can do what they must, and are refused all else, by the auth manager and the API of the real Airflow."""

from __future__ import annotations

import pytest

MAKER, APPROVER = "campaign_maker", "manager"
TASK = "/api/v2/dags/campaign_approval/dagRuns/none/taskInstances/approve_campaign"
START = ("POST", "/api/v2/dags/campaign_approval/dagRuns", {"logical_date": None, "conf": {"campaign_id": "CRBT_SAVE"}})
ANSWER = ("PATCH", f"{TASK}/-1/hitlDetails", {"chosen_options": ["Approve"], "params_input": {}})
REFUSED_TO_BOTH = [
    ("GET", "/api/v2/connections", None),
    ("POST", "/api/v2/connections", {"connection_id": "c", "conn_type": "http"}),
    ("POST", "/api/v2/pools", {"name": "p", "slots": 1}),
    ("PATCH", "/api/v2/pools/writer", {"pool": "writer", "slots": 8, "include_deferred": False}),
    ("GET", "/api/v2/variables", None),
    ("POST", "/api/v2/variables", {"key": "k", "value": "v"}),
    ("GET", "/api/v2/config", None),
    ("POST", "/api/v2/dags/targeting/dagRuns", {"logical_date": None, "conf": {}}),
    ("PATCH", "/api/v2/dags/targeting", {"is_paused": True}),
    ("POST", "/api/v2/dags/targeting/clearTaskInstances", {"dry_run": False}),
    ("PATCH", TASK, {"new_state": "success"}),
    ("PATCH", "/api/v2/dags/campaign_approval", {"is_paused": True}),
    ("DELETE", "/api/v2/dags/campaign_approval/dagRuns/none", None),
]


@pytest.fixture(scope="module")
def ask(api, airflow_tables, dag_bag):
    """Status code of one call as one login; the DAGs stand in Airflow's tables as its processor puts them there."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(dag_bag, "dags-folder", None)
    sessions = {login: api(login) for login in ("admin", MAKER, APPROVER)}

    def call(login: str, method: str, path: str, body: dict | None) -> int:
        return sessions[login].request(method, path, **({"json": body} if body is not None else {})).status_code

    return call


@pytest.mark.parametrize("login", [MAKER, APPROVER])
def test_people_configure_nothing_and_touch_no_other_dag(ask, login):
    refused = {(method, path): ask(login, method, path, body) for method, path, body in REFUSED_TO_BOTH}

    assert refused == dict.fromkeys(refused, 403)


def test_the_calls_that_are_refused_are_calls_the_administrator_may_make(ask):
    """Floor: a misspelt path is a 404 for everybody and proves nothing."""
    reads = {path: ask("admin", method, path, body) for method, path, body in REFUSED_TO_BOTH if method == "GET"}

    assert {path: code for path, code in reads.items() if path != "/api/v2/config"} == {
        "/api/v2/connections": 200,
        "/api/v2/variables": 200,
    }
    assert all(ask("admin", method, path, body) != 403 for method, path, body in REFUSED_TO_BOTH if path == TASK)


def test_the_maker_starts_an_approval_in_his_name_and_the_approver_does_not(ask, api):
    assert ask(APPROVER, *START) == 403
    assert ask(MAKER, *START) == 200

    (run,) = api("admin").get("/api/v2/dags/campaign_approval/dagRuns?state=queued").json()["dag_runs"]
    assert run["triggering_user_name"] == MAKER
    assert ask("admin", "DELETE", f"/api/v2/dags/campaign_approval/dagRuns/{run['dag_run_id']}", None) == 204


def test_the_approver_may_answer_and_the_maker_may_not(ask):
    """Nothing waits here: an allowed answer finds no question (404). Real questions: test_approval_run.py."""
    assert ask(MAKER, *ANSWER) == 403
    assert ask(APPROVER, *ANSWER) == 404


@pytest.mark.parametrize("login", [MAKER, APPROVER])
def test_both_look_at_what_they_decide(ask, login):
    assert ask(login, "GET", "/api/v2/dags", None) == 200
    assert ask(login, "GET", "/api/v2/dags/~/dagRuns/~/hitlDetails", None) == 200
