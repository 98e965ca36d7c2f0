"""Training runs that were never promoted leave a real registry with their files; what scored a night stays."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from models import registry_care
from models.registry import CHAMPION, EXPERIMENT

NOW = date.today()


@pytest.fixture
def registry(settings, monkeypatch):
    """Three registered trainings, the first champion, the second promoted once, the third neither."""
    settings.path("mlflow").mkdir(parents=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{settings.path('mlflow', 'mlflow.db')}")
    from models.registry import _client

    client = _client(settings)
    experiment = client.create_experiment(EXPERIMENT, artifact_location=settings.path("mlflow", "artifacts").as_uri())
    client.create_registered_model("churn")
    runs = []
    for number in range(3):
        run = client.create_run(experiment, start_time=1_700_000_000_000 + number).info
        client.log_text(run.run_id, f"model {number}", "bundle/model.txt")
        client.create_model_version("churn", source=f"{run.artifact_uri}/bundle", run_id=run.run_id)
        runs.append(run.run_id)
    client.set_registered_model_alias("churn", CHAMPION, "1")
    return client, runs


def test_a_run_that_was_never_promoted_goes_with_version_and_files(settings, registry):
    client, (champion, promoted, refused) = registry
    assert registry_care.old_runs(settings, date(2023, 1, 1), [promoted]) == []  # none is that old

    found = registry_care.old_runs(settings, NOW - timedelta(days=400), [promoted])
    assert found == [refused]
    registry_care.remove_runs(settings, found)

    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    assert {int(version.version) for version in client.search_model_versions("name = 'churn'")} == {1, 2}
    assert len(list(settings.path("mlflow", "artifacts").rglob("model.txt"))) == 2
    assert {run.info.run_id for run in client.search_runs([experiment], run_view_type=3)} == {champion, promoted}


def test_looking_for_old_runs_makes_no_registry(settings, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert not registry_care.has_records(settings)
    assert not settings.path("mlflow").exists()
