"""Nightly scoring: every champion over one pass of the customer view, then the life-cycle overlays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

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
from jobs.scoring.partitions import SCORED, SCORED_SCHEMA, ScoringModel, score_partitions
from jobs.scoring.quality import realised_auc
from models.features import SNAPSHOT_DATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def plan(tables: Tables, dates: DateRange) -> StagePlan:
    """The dates themselves, with the limits of the life-cycle overlays."""
    return StagePlan((dates,), params=lifecycle_parameters(load_models()))


# Percentile and decile within model and snapshot by raw score (calibration may tie what the model tells apart). One text
# for both engines: Spark ranks what Spark scored, DuckDB what this process did.
RANKED = """
SELECT
  subscription_id,
  snapshot_date,
  model_name,
  score,
  percent_rank() OVER (PARTITION BY snapshot_date, model_name ORDER BY raw_score) AS percentile,
  CAST(ntile(10) OVER (PARTITION BY snapshot_date, model_name ORDER BY raw_score, subscription_id) AS INT) AS decile,
  model_version,
  model_sha256
FROM scored
"""


def customer_score(lake: Lake, dates: DateRange) -> DataFrame | pa.Table:
    """Score of every live subscription of the dates' snapshots by every champion, with its rank among them."""
    config = load_models()
    models = drift.fit_for(lake, load_champions(lake.settings, config, lake.run), dates, config.drift)
    lake.summary["versions"] = {model.name: model.version for model in models}
    if lake.dataset(CUSTOMER_360).count_rows(filter=_of(dates)) <= config.one_process_rows:
        return rank_here(score_here(lake, models, dates, config.score_batch_rows))
    lake.spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(config.score_batch_rows))
    return rank_scores(score_snapshots(read_snapshots(lake, models, dates), models))


def score_here(lake: Lake, models: list[ScoringModel], dates: DateRange, batch_rows: int) -> pa.Table:
    """What `score_snapshots` gives, made in this process batch by batch: Spark's workers take longer to start than few rows to score."""
    columns = _columns_read(models)
    live = lake.dataset(CUSTOMER_360).scanner(columns, filter=_of(dates) & pc.field("is_live"), batch_size=batch_rows)
    return pa.Table.from_batches(score_partitions(models)(live.to_batches()), schema=SCORED)


def rank_here(scored: pa.Table) -> pa.Table:
    """What `rank_scores` gives, made in this process."""
    with duckdb.connect() as connection:
        connection.register("scored", scored)
        return connection.sql(RANKED).to_arrow_table()


def _of(dates: DateRange) -> pc.Expression:
    return (pc.field(SNAPSHOT_DATE) >= dates.first) & (pc.field(SNAPSHOT_DATE) <= dates.last)


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
    """Columns some champion reads, for the snapshots of the dates."""
    from pyspark.sql import functions as F

    is_asked_for = F.col(SNAPSHOT_DATE).between(F.lit(dates.first), F.lit(dates.last))
    return lake.read(CUSTOMER_360).filter(is_asked_for & F.col("is_live")).select(*_columns_read(models))


def _columns_read(models: list[ScoringModel]) -> list[str]:
    # A champion reads what it was trained on, whatever conf/models.yaml has come to say since.
    return sorted({"subscription_id", SNAPSHOT_DATE}.union(*(model.columns for model in models)))


def score_snapshots(snapshots: DataFrame, models: list[ScoringModel]) -> DataFrame:
    """One row per subscription and model it belongs to, with raw and calibrated score."""
    return snapshots.mapInArrow(score_partitions(models), SCORED_SCHEMA)


def rank_scores(scored: DataFrame) -> DataFrame:
    """The scores with percentile and decile within model and snapshot."""
    scored.createOrReplaceTempView("scored")
    return scored.sparkSession.sql(RANKED)


def lifecycle_parameters(config: ModelsConfig) -> dict[str, object]:
    """Limits of the life-cycle overlays for the table's query."""
    return config.lifecycle.model_dump()
