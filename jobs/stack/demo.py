"""The demo: one telecom province goes round the whole loop under a real Airflow, driven as people's clients would.

Every step first asks whether it is done, so the demo can be interrupted anywhere and started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta

from filelock import FileLock, Timeout

from conf.approval import load_approval_flow
from conf.campaigns import load_campaigns
from conf.errors import AlreadyRunning
from conf.night import load_night
from conf.settings import Settings
from jobs.lakehouse import server as spark_server
from jobs.lakehouse.doors import require_closed
from jobs.lakehouse.patience import Patience, Rarely, signs_of_work
from jobs.servers.airflow_client import AirflowClient, RunFailed
from jobs.stack import all_servers
from jobs.stack.steps import require_step

DOWNSTREAM_SECONDS = 90  # a downstream run appears within seconds of its asset; after this we start it ourselves
Tell = Callable[[str], None]


def run_demo(settings: Settings, tell: Tell) -> bool:
    """Play history, training, approvals and the nights of the profile; False when there was nothing left to do."""
    with _only_one(settings):
        todo = [night for night in settings.night_dates if not night_is_done(settings, night)]
        if not todo and history_is_loaded(settings):
            return False
        require_closed(settings)
        _simulate(settings, tell, "history")
        try:
            with ThreadPoolExecutor(2) as pool:
                tell("starting Postgres, Airflow and the Spark server")
                spark = pool.submit(spark_server.ensure_running, settings)
                api = pool.submit(all_servers.start_airflow, settings).result()
                spark.result()
            _play(settings, api, todo, tell)
        finally:
            tell("stopping the servers")
            all_servers.down(settings)
    return True


def _play(settings: Settings, api: AirflowClient, todo: list[date], tell: Tell) -> None:
    if not history_is_loaded(settings):
        _range_run(api, "initial_load", settings, tell)
    with ThreadPoolExecutor(1) as pool:  # people approve while the models train
        approvals = pool.submit(_see_approvals_through, settings, tell)
        if not training_is_done(settings):
            _range_run(api, "training", settings, tell)
        approvals.result()
    for night in todo:
        _play_night(settings, api, night, tell)


@contextmanager
def _only_one(settings: Settings):
    settings.path("run").mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(settings.path("run", "demo.lock")))
    try:
        lock.acquire(timeout=1)
    except Timeout:
        raise AlreadyRunning(
            f"a demo is running on {settings.home} already\n  to do : wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _simulate(settings: Settings, tell: Tell, *words: str) -> None:
    # A process of its own: the pipeline never imports the simulator.
    begun = time.monotonic()
    tell(f"the operator writes its extracts: {' '.join(words)}")
    require_step(settings, ["simulator", *words], settings.path("logs", "simulator.log"))
    tell(f"extracts are written ({time.monotonic() - begun:.0f} s)")


def history_is_loaded(settings: Settings) -> bool:
    """Whether the customer view has been published up to the eve of the first night."""
    from jobs.view.as_of import newest_built

    built = newest_built(settings, "gold.customer_360")
    return built is not None and built >= settings.history.last


def training_is_done(settings: Settings) -> bool:
    """Whether every model has a champion."""
    from conf.models import load_models
    from jobs.scoring.promoted import champion

    return all(champion(settings, name) for name in load_models().models)


def night_is_done(settings: Settings, night: date) -> bool:
    """Whether the night's report page, the last thing a night writes, is there."""
    return settings.path("reports", f"{night}.html").exists()


def _range_run(api: AirflowClient, dag: str, settings: Settings, tell: Tell) -> None:
    """Start a by-hand DAG over the history, or take up the run that is under way."""
    begun = time.monotonic()
    under_way = next((run for run in api.runs(dag) if run["state"] in ("queued", "running")), None)
    days = {"first": settings.history.first.isoformat(), "last": settings.history.last.isoformat()}
    run_id = under_way["dag_run_id"] if under_way else api.trigger(dag, conf=days)
    _see_through(api, dag, settings, lambda: api.run(dag, run_id), tell)
    tell(f"{dag} has ended ({time.monotonic() - begun:.0f} s)")


def _see_approvals_through(settings: Settings, tell: Tell) -> None:
    api = all_servers.client(settings)
    _answer_approvals(settings, api, _ask_for_approvals(settings, api, tell), tell)


def _ask_for_approvals(settings: Settings, api: AirflowClient, tell: Tell) -> list[str]:
    """Start an approval run, as a maker, for each campaign whose content is not approved yet."""
    from jobs.targeting.approval import approved_hash, campaign_hash

    waiting = [c for c, campaign in load_campaigns().items() if approved_hash(settings, c) != campaign_hash(campaign)]
    under_way = {
        (run.get("conf") or {}).get("campaign_id")
        for run in api.runs("campaign_approval")
        if run["state"] in ("queued", "running")
    }
    maker = all_servers.client(settings, load_approval_flow().makers[0])
    for campaign in waiting:
        if campaign not in under_way:
            maker.trigger("campaign_approval", conf={"campaign_id": campaign})
    if waiting:
        tell(f"approvals asked for: {', '.join(sorted(waiting))}")
    return waiting


def _answer_approvals(settings: Settings, api: AirflowClient, waiting: list[str], tell: Tell) -> None:
    """Answer each step as a person it was put before, until every campaign asked for is released."""
    from jobs.targeting.approval import approved_hash, campaign_hash

    campaigns = load_campaigns()
    people = {login: all_servers.client(settings, login) for login in load_approval_flow().logins}
    patience = Patience(settings.services.silence_seconds)
    open_ones = set(waiting)
    seen: set[tuple[str, str]] = set()
    while open_ones and not patience.saw((frozenset(open_ones), frozenset(seen), _approval_states(api))):
        time.sleep(2)
        requests = {(a["task_instance"]["dag_run_id"], a["task_instance"]["task_id"]): a for a in api.open_approvals()}
        for request in seen & set(requests):  # an answer given in the instant the request appears can be lost
            _answer(people, requests[request], tell)
        seen = set(requests)
        open_ones = {c for c in open_ones if approved_hash(settings, c) != campaign_hash(campaigns[c])}
    if open_ones:
        raise RunFailed(
            f"approvals stand still since {patience.silence_seconds:.0f} s: {', '.join(sorted(open_ones))}\n"
            "  to do : look at campaign_approval in Airflow; the same command goes on from here"
        )


def _approval_states(api: AirflowClient) -> frozenset[tuple[str, str]]:
    return frozenset((run["dag_run_id"], run["state"]) for run in api.runs("campaign_approval"))


def _answer(people: dict[str, AirflowClient], approval: dict, tell: Tell) -> None:
    login = next(user["id"] for user in approval["assigned_users"] if user["id"] in people)
    try:
        people[login].answer(approval, "Approve")
    except RunFailed as refusal:
        if " 409 " not in str(refusal):  # answered already: the next look will not list it
            raise
        return
    tell(f"{login} approves: {approval['subject']}")


def _play_night(settings: Settings, api: AirflowClient, night: date, tell: Tell) -> None:
    begun = time.monotonic()
    _simulate(settings, tell, "day", "--date", night.isoformat())
    upstream_ended = False
    for dag in load_night().stages:
        _run_for_date(api, dag, settings, night.isoformat(), expect_from_asset=upstream_ended, tell=tell)
        upstream_ended = True
    tell(f"night {night} has ended ({time.monotonic() - begun:.0f} s); its lists are for {night + timedelta(days=1)}")


def _run_for_date(
    api: AirflowClient, dag: str, settings: Settings, key: str, expect_from_asset: bool, tell: Tell
) -> None:
    """See one DAG through for a date: take up what is there, clear what failed, start what never came."""
    run = api.run_of_date(dag, key)
    patience = time.monotonic() + (DOWNSTREAM_SECONDS if expect_from_asset else 0)
    while run is None and time.monotonic() < patience:
        time.sleep(1)
        run = api.run_of_date(dag, key)
    if run is None:
        api.trigger(dag, partition_key=key)
    elif run["state"] == "failed":
        api.call("POST", f"/dags/{dag}/clearDagRuns", json={"partition_key": key, "dry_run": False})
        time.sleep(2)
    _see_through(api, dag, settings, lambda: api.run_of_date(dag, key), tell)


def _see_through(api: AirflowClient, dag: str, settings: Settings, find: Callable[[], dict | None], tell: Tell) -> None:
    """Wait for a run as long as anything moves: a task's state, or what the stage writes below home."""
    api.wait(dag, find, Patience(settings.services.silence_seconds), tell, work=Rarely(lambda: signs_of_work(settings)))
