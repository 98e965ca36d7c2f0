"""Nightly scoring: every champion over one pass of the customer view, then the life-cycle overlays."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from conf.dates import DateRange
from conf.models import ModelsConfig, load_models
from conf.settings import Settings
from jobs.lakehouse import alerts
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.plan import StagePlan
from jobs.lakehouse.run import Run
from jobs.lakehouse.tables import Tables
from jobs.scoring import drift, promoted
from jobs.scoring.matrix import CUSTOMER_360
from jobs.scoring.partitions import SCORED_SCHEMA, ScoringModel, score_partitions
from jobs.scoring.quality import realised_auc
from models.features import SNAPSHOT_DATE


def plan(tables: Tables, dates: DateRange) -> StagePlan:
    """The dates themselves, with the limits of the life-cycle overlays."""
    return StagePlan((dates,), params=lifecycle_parameters(load_models()))


def customer_score(lake: Lake, dates: DateRange) -> DataFrame:
    """Score of every live subscription of the dates' snapshots by every champion, with its rank among them."""
    config = load_models()
    models = drift.fit_for(lake, load_champions(lake.settings, config, lake.run), dates, config.drift)
    lake.summary["versions"] = {model.name: model.version for model in models}
    lake.spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(config.score_batch_rows))
    return rank_scores(score_snapshots(read_snapshots(lake, models, dates), models))


def load_champions(settings: Settings, config: ModelsConfig, run: Run) -> list[ScoringModel]:
    """The verified champion of every model.

    A model whose every training was refused is left out and people are told each night, with the reason; campaigns then use
    their base rate. A model never trained stops here with what to do.
    """
    refused = {name: row for name, row in realised_auc(settings).items() if row["verdict"] == "REFUSED"}
    models = []
    for name, spec in config.models.items():
        if name in refused and promoted.champion(settings, name) is None:
            _tell_without_champion(settings, run, name, refused[name])
            continue
        version, bundle = promoted.load_champion(settings, name, config.max_model_bytes, run.dates.last)
        models.append(ScoringModel(name, version.version, version.sha256, spec.population, bundle, settings.time_zone))
    return models


def _tell_without_champion(settings: Settings, run: Run, name: str, training: dict) -> None:
    text = (
        f"model {name} has no champion and is not scored: the training of {training['business_date']} was refused "
        f"({training['reason']}); campaigns use their base rate"
    )
    alerts.raise_alert(
        settings, "MODEL_WITHOUT_CHAMPION", run.business_date, text, model=name, reason=training["reason"]
    )


def read_snapshots(lake: Lake, models: list[ScoringModel], dates: DateRange) -> DataFrame:
    """Columns some champion reads, for the snapshots of the dates.

    A champion reads what it was trained on, whatever conf/models.yaml has come to say since.
    """
    wanted = {"subscription_id", SNAPSHOT_DATE}.union(*(model.columns for model in models))
    view = lake.read(CUSTOMER_360)
    is_asked_for = F.col(SNAPSHOT_DATE).between(F.lit(dates.first), F.lit(dates.last))
    return view.filter(is_asked_for & F.col("is_live")).select(*sorted(wanted))


def score_snapshots(snapshots: DataFrame, models: list[ScoringModel]) -> DataFrame:
    """One row per subscription and model it belongs to, with raw and calibrated score."""
    return snapshots.mapInArrow(score_partitions(models), SCORED_SCHEMA)


def rank_scores(scored: DataFrame) -> DataFrame:
    """Percentile and decile within model and snapshot by raw score (calibration may tie what the model tells apart)."""
    of_model = Window.partitionBy(SNAPSHOT_DATE, "model_name")
    return scored.select(
        "subscription_id",
        SNAPSHOT_DATE,
        "model_name",
        "score",
        F.percent_rank().over(of_model.orderBy("raw_score")).alias("percentile"),
        F.ntile(10).over(of_model.orderBy("raw_score", "subscription_id")).alias("decile"),
        "model_version",
        "model_sha256",
    )


def lifecycle_parameters(config: ModelsConfig) -> dict[str, object]:
    """Limits of the life-cycle overlays for the table's query."""
    return config.lifecycle.model_dump()
