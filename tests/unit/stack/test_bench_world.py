"""The town of a bench without Spark: sums become published silver, and a sample of the view becomes champions."""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from conf.models import load_models
from conf.tables import table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.history_load import load_history, publish_history
from jobs.lakehouse.published import newest_date
from jobs.lakehouse.tables import Tables
from jobs.people.tokens import Tokenizer
from jobs.scoring.promoted import load_champion
from jobs.stack import bench_models
from jobs.stack.bench_models import REASON, train_on_sample
from jobs.stack.bench_world import SUMS, sums_into_silver
from tests.builders.customer_view import a_customer_view

EVE, STANDS = date(2026, 3, 7), date(9999, 12, 31)


def test_sums_become_silver_rows_with_tokens_and_nobodys_number_stays(settings):
    edges = pl.DataFrame(
        {
            "subscription_id": ["59100001000003", "59100001000016"],
            "other_number": ["13800138000", "13900139000"],
            "other_subscription_id": ["59100001000016", None],
            "month_id": ["202601", "202601"],
            **{name: [2, 1] for name in ("contact_cnt", "call_cnt", "sms_cnt", "mt_cnt", "gift_cnt", "copy_cnt")},
            "load_date": [date(2026, 2, 2)] * 2,
            "superseded_on": [STANDS] * 2,
        }
    )
    folder = settings.path(SUMS, "contact_edge_month")
    folder.mkdir(parents=True)
    edges.slice(0, 1).write_parquet(folder / "2026-01-31-000000000.parquet")
    edges.slice(1, 1).with_columns(column_of_before=pl.lit(1)).write_parquet(folder / "2026-01-31-000200000.parquet")

    assert sums_into_silver(settings, EVE) == 2

    found = Tables(settings).arrow("silver.contact_edge_month")
    assert found.column_names == list(table_of("silver.contact_edge_month").column_names)
    rows = sorted(found.to_pylist(), key=lambda row: row["subscription_id"])
    tokens = [Tokenizer.of(settings).token("MSISDN", number) for number in ("13800138000", "13900139000")]
    assert [row["other_token"] for row in rows] == tokens
    assert [row["other_subscription_id"] for row in rows] == ["59100001000016", None]
    assert newest_date(settings, "silver.contact_edge_month") == date(2026, 2, 2)
    assert not settings.path(SUMS).exists()
    published = delta_rs.read(settings, "ops.published").to_pylist()
    assert {(row["stage"], row["table_name"], row["business_date"]) for row in published} == {
        ("ingest", "silver.contact_edge_month", EVE)
    }


def test_models_of_a_sample_are_champions_that_scoring_loads(settings, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # an earlier test may have been given an address
    training = settings.training.model_copy(update={"max_rounds": 15})
    settings = settings.model_copy(update={"training": training})
    view: pa.Table = a_customer_view(600, EVE, 1)
    delta_rs.ensure_tables(settings)
    load_history(settings, "gold.customer_360", [view], "a run")
    publish_history(settings, ["gold.customer_360"], "customer_view", EVE, "a run")

    every = load_models()
    of_each_kind = {spec.objective: name for name, spec in every.models.items()}.values()
    config = every.model_copy(update={"models": {name: every.models[name] for name in of_each_kind}})
    monkeypatch.setattr(bench_models, "load_models", lambda: config)
    assert len(config.models) == 2
    assert train_on_sample(settings, EVE, rows=500) == len(config.models)

    for name in config.models:
        version, bundle = load_champion(settings, name, config.max_model_bytes)
        assert version.version == 1
        assert "Tree=0" in bundle.model_text, "a model that splits"
    rows = delta_rs.read(settings, "ops.model_run").to_pylist()
    assert {(row["verdict"], row["reason"]) for row in rows} == {("PROMOTED", REASON)}
    assert all(row["train_events"] > 0 for row in rows)
