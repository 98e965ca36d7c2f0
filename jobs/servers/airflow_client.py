"""Airflow's REST API as a person's client uses it: trigger, watch, answer approvals."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from conf.errors import ClosedLoopError
from jobs.lakehouse.patience import Patience

FINISHED = {"success", "failed"}
TOKEN_SECONDS = 3600
POLL_SECONDS = 1.5
ANSWER_SECONDS = 300  # a busy machine answers late; what is asked for does not happen twice by waiting


class RunFailed(ClosedLoopError):
    """A DAG run failed, or stands still."""


@dataclass
class AirflowClient:
    """One user's session: `base` is Airflow's address, user and password those of the generated file."""

    base: str
    user: str
    password: str
    _http: httpx.Client = field(init=False)
    _token_until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.base, timeout=ANSWER_SECONDS, trust_env=False)

    def call(self, method: str, path: str, **content) -> dict:
        """One call of the API; an answer of 400 or more is an error with Airflow's own words."""
        if time.monotonic() > self._token_until:
            answer = self._http.post("/auth/token", json={"username": self.user, "password": self.password})
            self._check(answer, "/auth/token")
            self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            self._token_until = time.monotonic() + TOKEN_SECONDS
        answer = self._http.request(method, f"/api/v2{path}", **content)
        self._check(answer, path)
        return answer.json() if answer.content else {}

    @staticmethod
    def _check(answer: httpx.Response, path: str) -> None:
        if answer.status_code >= 400:
            raise RunFailed(f"Airflow refused {path}: {answer.status_code} {answer.text[:400]}")

    def wait_for_dags(self, wanted: set[str], silence_seconds: float) -> None:
        """Wait until the DAG processor has read every DAG we need; given up when it reads no new one for so long."""
        patience = Patience(silence_seconds)
        known: set[str] = set()
        while not patience.saw(frozenset(known)):
            known = {dag["dag_id"] for dag in self.call("GET", "/dags?limit=100")["dags"]}
            if wanted <= known:
                return
            time.sleep(1)
        errors = self.call("GET", "/importErrors?limit=5")["import_errors"]
        detail = errors[0]["stack_trace"][-800:] if errors else "no import error reported"
        raise RunFailed(
            f"DAGs have not appeared, and none has come for {silence_seconds:.0f} s: {', '.join(sorted(wanted - known))}\n{detail}"
        )

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def ensure_pool(self, name: str, slots: int) -> None:
        """A pool of that size exists (one writer at a time on the lake)."""
        known = {pool["name"] for pool in self.call("GET", "/pools?limit=100")["pools"]}
        if name not in known:
            self.call(
                "POST",
                "/pools",
                json={"name": name, "slots": slots, "description": "writes to the lake", "include_deferred": False},
            )

    def trigger(self, dag_id: str, partition_key: str | None = None, conf: dict | None = None) -> str:
        """Start a run, for a business date where the DAG works by date; returns its run id."""
        body: dict = {"logical_date": None, "conf": conf or {}}
        if partition_key is not None:
            body["partition_key"] = partition_key
        return self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]

    def runs(self, dag_id: str) -> list[dict]:
        """The runs of a DAG, newest first."""
        return self.call("GET", f"/dags/{dag_id}/dagRuns?limit=100&order_by=-run_after")["dag_runs"]

    def run_of_date(self, dag_id: str, partition_key: str) -> dict | None:
        """The newest run of a DAG for a business date."""
        return next((run for run in self.runs(dag_id) if run.get("partition_key") == partition_key), None)

    def run(self, dag_id: str, run_id: str) -> dict:
        """One run as Airflow knows it."""
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict]:
        """The task instances of a run."""
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit=100")[
            "task_instances"
        ]

    def wait(
        self,
        dag_id: str,
        find: Callable[[], dict | None],
        patience: Patience,
        tell: Callable[[str], None],
        work: Callable[[], Hashable] = lambda: None,
    ) -> dict:
        """Wait until a run has ended well; progress goes to `tell`; a failed task is an error that names it.

        There is no limit on a run that moves: it is given up when neither a task's state nor what `work` counts (rows and
        files written) has changed for as long as `patience` says.
        """
        line = waits_for = ""
        while True:
            run = find()
            tasks = self.tasks(dag_id, run["dag_run_id"]) if run else []
            states = tuple(sorted((task["task_id"], str(task["state"])) for task in tasks))
            line, before = (
                ", ".join(f"{name} {state}" for name, state in states if state in ("running", "failed")),
                line,
            )
            waits_for = line or ("a free place for its tasks" if run else "its run to appear")
            if line and line != before:
                tell(f"{dag_id}: {line}")
            if run and run["state"] in FINISHED:
                return self._ended(dag_id, run, tasks)
            if patience.saw((states, work())):
                break
            time.sleep(POLL_SECONDS)
        raise RunFailed(
            f"{dag_id}: nothing has moved for {patience.silence_seconds:.0f} s; waited for: {waits_for}\n"
            f"  to do : look at {self.base}/dags/{dag_id}; the same command goes on from here"
        )

    def _ended(self, dag_id: str, run: dict, tasks: list[dict]) -> dict:
        if run["state"] == "success" and tasks:
            return run
        failed = ", ".join(task["task_id"] for task in tasks if task["state"] == "failed") or "no task ran"
        where = f"{self.base}/dags/{dag_id}/runs/{quote(run['dag_run_id'], safe='')}"
        raise RunFailed(f"{dag_id} failed at {failed}; its log: {where}")

    def open_approvals(self) -> list[dict]:
        """Approvals that wait for an answer."""
        path = "/dags/~/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input&limit=100"
        return self.call("GET", path)["hitl_details"]

    def answer(self, approval: dict, option: str) -> None:
        """Answer an approval as the logged-in user."""
        task = approval["task_instance"]
        run = quote(task["dag_run_id"], safe="")
        path = f"/dags/{task['dag_id']}/dagRuns/{run}/taskInstances/{task['task_id']}/-1/hitlDetails"
        self.call("PATCH", path, json={"chosen_options": [option], "params_input": {}})
