"""Everything up, everything down: the servers of `make up` and of the demo, in the right order."""

from __future__ import annotations

from conf.night import load_night
from conf.settings import Settings
from jobs.lakehouse import server as spark_server
from jobs.lakehouse.doors import require_closed
from jobs.lakehouse.server_logs import cut_long_logs
from jobs.servers import airflow_server, postgres, web
from jobs.servers.airflow_client import AirflowClient

BY_HAND = ("campaign_approval", "initial_load")


def client(settings: Settings, user: str = "admin") -> AirflowClient:
    """A session of the REST API as one of the generated users."""
    return AirflowClient(airflow_server.address(settings), user, airflow_server.passwords(settings)[user])


def start_airflow(settings: Settings) -> AirflowClient:
    """Airflow and its database up and healthy, the DAGs read and unpaused, the writer's pool there."""
    airflow_server.start(settings, postgres.airflow_database(settings))
    api = client(settings)
    dags = {*load_night().works, *BY_HAND}
    api.wait_for_dags(dags, settings.services.silence_seconds)
    api.ensure_pool("writer", 1)
    for dag in sorted(dags):
        api.unpause(dag)
    return api


def up(settings: Settings) -> None:
    """All servers people look at, and the Spark server the DAGs work on."""
    cut_long_logs(settings)
    require_closed(settings)
    web.start_docs(settings)
    web.start_mlflow(settings)
    if settings.spark.is_our_server:
        spark_server.ensure_running(settings)
    start_airflow(settings)
    web.wait(settings)


def down(settings: Settings) -> list[str]:
    """Stop exactly what we started; returns the names of what ran."""
    stopped = airflow_server.stop(settings) + web.stop(settings)
    if spark_server.stop(settings):
        stopped.append("spark")
    if postgres.stop(settings):
        stopped.append("postgres")
    return stopped


def places(settings: Settings) -> list[tuple[str, str, str]]:
    """Name, address and login of each page."""
    words = airflow_server.passwords(settings)
    return [
        (
            "Airflow",
            airflow_server.address(settings),
            "   ".join(f"{user} / {words[user]}" for user in airflow_server.USERS),
        ),
        ("MLflow", web.mlflow_address(settings), web.mlflow_login(settings)),
        ("Data Docs", f"{web.docs_address(settings)}/data_docs/", "no login, this machine only"),
        ("Reports", f"{web.docs_address(settings)}/reports/", "no login, this machine only"),
    ]
