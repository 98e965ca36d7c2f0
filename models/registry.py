"""MLflow, and nobody else talks to it: training runs, versions, their files, and the alias champion that people look at.

Nothing here decides what scores: version and digest of the promoted model stand in ops.model_run (jobs/scoring/promoted.py).
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from conf.settings import Settings
from models.artifact import Bundle, load_bundle
from models.errors import ModelRefused

EXPERIMENT = "closedloop"
CHAMPION = "champion"
BUNDLE_FOLDER = "bundle"
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: number, run that holds its files, and the digest over them."""

    model_name: str
    version: int
    run_id: str
    sha256: str


@dataclass(frozen=True)
class TrainingRecord:
    """What is kept of one training: all of it about features and figures, none of it about a person."""

    model_name: str
    bundle: Bundle
    example: pa.Table
    parameters: dict[str, Any]
    figures: dict[str, float]
    tags: dict[str, str]
    dataset: dict[str, Any]
    charts: dict[str, Any] = field(default_factory=dict)


def tracking_uri(settings: Settings) -> str:
    """Where MLflow keeps its records: $MLFLOW_TRACKING_URI, else settings, else a SQLite file below home."""
    configured = os.environ.get(TRACKING_VARIABLE) or settings.services.mlflow_tracking_uri
    return configured or f"sqlite:///{settings.path('mlflow', 'mlflow.db')}"


def _client(settings: Settings) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)  # else each model tells about pip and database tables
    settings.path("mlflow", "artifacts").mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(tracking_uri(settings))
    return mlflow.MlflowClient(tracking_uri(settings))


def shown_champion(settings: Settings, model_name: str) -> ModelVersion | None:
    """The version the alias champion points to and what its tags say, or None; for people, and to notice a change."""
    client = _client(settings)
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_model_version_by_alias(model_name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return ModelVersion(found.name, int(found.version), found.run_id or "", found.tags.get("bundle_sha256", ""))


def load_version(settings: Settings, version: ModelVersion, max_bytes: int) -> Bundle:
    """The three files of a version; ModelRefused when they are gone or their digest is not `version.sha256`."""
    client = _client(settings)
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory(prefix="closedloop-model-") as folder:
        try:
            found = Path(client.download_artifacts(version.run_id, BUNDLE_FOLDER, folder))
        except (MlflowException, OSError) as error:
            raise ModelRefused(
                f"run {version.run_id} in {_shown(tracking_uri(settings))}: its files cannot be fetched ({error})"
            ) from None
        return load_bundle(found, version.sha256, max_bytes)


def _shown(uri: str) -> str:
    """A tracking address without user and password."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1]}"


def register(settings: Settings, record: TrainingRecord) -> ModelVersion:
    """Log one training run with signature, example, figures, charts and lineage, and register it as a new version."""
    client = _client(settings)
    import mlflow

    with mlflow.start_run(experiment_id=_experiment(settings, client), run_name=record.model_name) as run:
        mlflow.log_params(record.parameters)
        mlflow.log_metrics(record.figures)
        mlflow.set_tags(record.tags)
        _log_dataset(mlflow, record)
        for name, chart in record.charts.items():
            mlflow.log_figure(chart, f"charts/{name}.png")
        _log_files(mlflow, record.bundle)
        info = _log_native(mlflow, record)
    version = _new_version(client, record.model_name, run.info.run_id, info)
    tags = {**record.tags, "bundle_sha256": record.bundle.sha256}
    for key, value in tags.items():
        client.set_model_version_tag(record.model_name, str(version), key, value)
    return ModelVersion(record.model_name, version, run.info.run_id, record.bundle.sha256)


def _new_version(client: Any, model_name: str, run_id: str, info: Any) -> int:
    if not client.search_registered_models(f"name = '{model_name}'"):
        client.create_registered_model(model_name)
    created = client.create_model_version(model_name, source=info.model_uri, run_id=run_id, model_id=info.model_id)
    return int(created.version)


def _experiment(settings: Settings, client: Any) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found:
        return found.experiment_id
    return client.create_experiment(EXPERIMENT, artifact_location=settings.path("mlflow", "artifacts").as_uri())


def _log_dataset(mlflow: Any, record: TrainingRecord) -> None:
    """Lineage by name, version and digest; the rows stay in the lake."""
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = DeltaDatasetSource(path=record.dataset["path"], delta_table_version=record.dataset["version"])
    dataset = MetaDataset(source=source, name=record.dataset["name"], digest=record.dataset["digest"])  # type: ignore[abstract]
    mlflow.log_input(dataset, context="training", tags=record.dataset["tags"])


def _log_files(mlflow: Any, bundle: Bundle) -> None:
    folder = Path(tempfile.mkdtemp(prefix="closedloop-model-"))
    try:
        mlflow.log_artifacts(str(bundle.write(folder / BUNDLE_FOLDER)), BUNDLE_FOLDER)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _log_native(mlflow: Any, record: TrainingRecord) -> Any:
    """The native LightGBM flavour, for people who open MLflow; scoring never reads it."""
    import lightgbm as lgb
    from mlflow.models import infer_signature

    booster = lgb.Booster(model_str=record.bundle.model_text)
    example = record.example.to_pandas()
    outputs = record.example.select([]).append_column("score", pa.array([0.0])).to_pandas()
    return mlflow.lightgbm.log_model(
        booster,
        name="model",
        signature=infer_signature(example, outputs),
        input_example=example,
        pip_requirements=[f"lightgbm=={lgb.__version__}"],
    )


def show_champion(settings: Settings, version: ModelVersion, reason: str) -> None:
    """Show a version as champion, with its digest and the reason."""
    client = _client(settings)
    client.set_model_version_tag(version.model_name, str(version.version), "bundle_sha256", version.sha256)
    client.set_model_version_tag(version.model_name, str(version.version), "promotion_reason", reason)
    client.set_registered_model_alias(version.model_name, CHAMPION, str(version.version))


def note_refusal(settings: Settings, version: ModelVersion, reason: str) -> None:
    """Keep a refused challenger with its reason."""
    _client(settings).set_model_version_tag(version.model_name, str(version.version), "refusal_reason", reason)
