"""Everybody of conf/approval.yaml can log in to the Airflow we start, also on a home whose passwords are older."""

from __future__ import annotations

import json

from conf.approval import load_approval_flow
from jobs.lakehouse import secrets
from jobs.servers import airflow_server
from jobs.stack import all_servers


def test_makers_and_approvers_have_logins_of_their_own_that_configure_nothing(settings):
    flow = load_approval_flow()
    roles = {login: airflow_server.USERS.get(login) for login in (*flow.makers, *flow.logins)}
    assert len(roles) >= 3
    assert not set(flow.makers) & set(flow.logins)
    assert set(roles.values()) == {"user"}, "what they may do: tests/dags/test_login_duties.py"
    shown = {name: login for name, _, login in all_servers.places(settings)}["Airflow"]
    assert all(f"{login} / " in shown for login in roles)


def test_passwords_of_an_older_home_stay_and_new_approvers_get_one(settings):
    old = json.dumps({"admin": "kept", "manager": "kept too"})
    file = secrets.replace_secret(settings, airflow_server.PASSWORDS, old)
    words = airflow_server.passwords(settings)
    assert (words["admin"], words["manager"]) == ("kept", "kept too")
    assert set(words) == set(airflow_server.USERS)
    assert airflow_server.passwords(settings) == words == json.loads(file.read_text())
