"""Training runs nobody needs any more leave the model registry; what was promoted once stays, because it scored a night."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from conf.settings import Settings
from models.registry import CHAMPION, EXPERIMENT, _client, tracking_uri

SQLITE = "sqlite:///"


def has_records(settings: Settings) -> bool:
    """Whether there is a registry to look into; asking for one that is a file would make it."""
    uri = tracking_uri(settings)
    return not uri.startswith(SQLITE) or Path(uri.removeprefix(SQLITE)).exists()


def old_runs(settings: Settings, first_kept: date, promoted: Collection[str]) -> list[str]:
    """Runs that began before that date, without `promoted` ones and those behind a version with an alias."""
    client = _client(settings)
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        return []
    limit = datetime.combine(first_kept, time(), ZoneInfo(settings.time_zone)).timestamp() * 1000
    kept = {*promoted, *(version.run_id for version in _versions(client) if CHAMPION in (version.aliases or []))}
    runs = _pages(client, [found.experiment_id], f"attributes.start_time < {int(limit)}")
    return sorted(run.info.run_id for run in runs if run.info.run_id not in kept)


def remove_runs(settings: Settings, runs: Collection[str]) -> None:
    """Remove these runs with their versions, figures and files; of a registry behind a server its own `mlflow gc` ends it."""
    if not runs:
        return
    client = _client(settings)
    for version in _versions(client):
        if version.run_id in runs:
            client.delete_model_version(version.name, version.version)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    for model in client.search_logged_models(experiment_ids=[experiment]):
        if model.source_run_id in runs:
            client.delete_logged_model(model.model_id)
    for run in runs:
        client.delete_run(run)
    uri = tracking_uri(settings)
    if not uri.startswith("http"):
        from mlflow.cli import gc

        gc.main(["--backend-store-uri", uri, "--tracking-uri", uri, "--run-ids", ",".join(runs)], standalone_mode=False)


def _versions(client: Any) -> list[Any]:
    """Every version of every model with its aliases, which a search does not tell."""
    found = [
        version
        for model in client.search_registered_models()
        for version in client.search_model_versions(f"name = '{model.name}'")
    ]
    return [client.get_model_version(version.name, version.version) for version in found]


def _pages(client: Any, experiments: list[str], where: str) -> list[Any]:
    runs, token = [], None
    while True:
        page = client.search_runs(experiments, filter_string=where, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs
