"""What each login of Airflow may do: people of conf/approval.yaml their own part of an approval, everybody else's to look at."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

from conf.approval import load_approval_flow

APPROVAL_DAG = "campaign_approval"


class LoginsByDuty(SimpleAuthManager):
    """Airflow's own simple logins, with less: its role `user` may start, clear and mark every DAG, `op` configure too.

    Here a maker starts approvals, an approver answers them (which ones: assigned by the DAG), both look; the rest is admin's.
    """

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        """Whether a login may do this to a DAG, or to something of it."""
        is_allowed = super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
        if not is_allowed or method == "GET" or self._is_admin(user):
            return is_allowed
        if details is None or details.id != APPROVAL_DAG:
            return False
        flow = load_approval_flow()
        if (method, access_entity) == ("POST", DagAccessEntity.RUN):
            return user.username in flow.makers
        return (method, access_entity) == ("PUT", DagAccessEntity.HITL_DETAIL) and user.username in flow.logins
