"""Training and scoring on real tables: planted outcomes are found, the same data give the same models, bad models never load."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from conf.dates import DateRange
from conf.models import load_models
from conf.tables import table_of
from jobs.lakehouse import delta_rs
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run
from jobs.scoring import job, promoted, train
from jobs.scoring.labels import Window, read_labels
from jobs.scoring.matrix import read_snapshot
from jobs.scoring.partitions import score_batch
from jobs.scoring.quality import realised_auc
from jobs.stage import run_stage
from models import registry
from models.artifact import Predictor
from models.errors import ModelRefused, NotEnoughHistory
from tests.builders.customer_view import a_customer_view, planted_outcome

ROWS = 1500
CUT_OFFS = (date(2026, 1, 8), date(2026, 2, 7))
TONIGHT = date(2026, 3, 9)
STANDS = date(9999, 12, 31)


@pytest.fixture(scope="module")
def home(spark, session_settings, tmp_path_factory):
    """A home with three snapshots and 30 days of outcomes after the first two, trained and scored once."""
    training = session_settings.training.model_copy(update={"max_rounds": 60})
    settings = session_settings.model_copy(update={"home": tmp_path_factory.mktemp("scoring"), "training": training})
    lake = Lake(spark, settings, Run("customer_view", DateRange.of(CUT_OFFS[0], TONIGHT), settings))
    views = {day: a_customer_view(ROWS, day, seed) for seed, day in enumerate((*CUT_OFFS, TONIGHT), start=1)}
    _write(lake, "gold.customer_360", pa.concat_tables(views.values()), DateRange.of(CUT_OFFS[0], TONIGHT))
    _write(lake, "silver.subscription_status", _departures(views), None)
    _write(lake, "silver.product_subscription", _openings(views), None)
    _write(lake, "silver.crbt_subscription", _closings(views), None)
    _write(lake, "silver.contact_edge_month", _ties(views), None)
    lake.publish()
    return settings


def _write(lake, name, rows, dates):
    lake.replace(name, lake.spark.createDataFrame(rows), dates)


def _events(views, seed):
    """(subscription, day) of those the planted rule chose, three days after each cut-off."""
    for cut_off in CUT_OFFS:
        view = views[cut_off]
        chosen = planted_outcome(view, seed=seed, base=-2.2)
        for place in np.flatnonzero(chosen):
            yield view["subscription_id"][int(place)].as_py(), cut_off + timedelta(days=3), place


def _table(name, rows):
    from jobs.lakehouse.schema import arrow_schema

    return pa.Table.from_pylist(rows, schema=arrow_schema(table_of(name)))


def _standing(day):
    return {"data_date": day, "load_date": day, "superseded_on": STANDS}


def _departures(views):
    return _table(
        "silver.subscription_status",
        [
            {
                "subscription_id": who,
                "status_code": "2010",
                "subscription_status": "TERMINATED",
                "is_off_network": True,
                "status_time": datetime.combine(day, datetime.min.time()),
                **_standing(day),
            }
            for who, day, _ in _events(views, seed=21)
        ],
    )


def _openings(views):
    return _table(
        "silver.product_subscription",
        [
            {
                "subscription_id": who,
                "product_id": product,
                "sp_code": "",
                "service_code": "",
                "valid_date": day,
                "state": "ACTIVE",
                **_standing(day),
            }
            for product, seed in (("CRBT", 22), ("NEWSPAPER", 23))
            for who, day, _ in _events(views, seed)
        ],
    )


def _closings(views):
    return _table(
        "silver.crbt_subscription",
        [
            {
                "msisdn_token": int(place) + 10**6 * day.month,
                "subscription_id": who,
                "open_date": date(2025, 10, 1),
                "close_date": day,
                **_standing(day),
            }
            for who, day, place in _events(views, seed=24)
        ],
    )


def _ties(views):
    """One contact in each of two months: a tie of two contacts (5.1)."""
    names = views[CUT_OFFS[0]]["subscription_id"].to_pylist()
    rng = np.random.default_rng(4)
    return _table(
        "silver.contact_edge_month",
        [
            {
                "subscription_id": who,
                "other_token": int(other),
                "other_subscription_id": names[other],
                "month_id": month,
                "contact_cnt": 1,
                "call_cnt": 1,
                "sms_cnt": 0,
                "mt_cnt": 0,
                "gift_cnt": 0,
                "copy_cnt": 0,
                "load_date": closed,
                "superseded_on": STANDS,
            }
            for who in names
            for other in rng.integers(0, len(names), 4)
            for month, closed in (("202511", date(2025, 12, 2)), ("202512", date(2026, 1, 2)))
        ],
    )


@pytest.fixture(scope="module")
def trained(spark, home):
    return train.run(spark, home, DateRange.of(TONIGHT))


def test_training_promotes_models_given_planted_outcomes(home, trained):
    figures = realised_auc(home)

    assert set(figures) == set(load_models().models)
    assert figures["churn_offnet"]["verdict"] == "PROMOTED", figures["churn_offnet"]["reason"]
    assert figures["churn_offnet"]["auc"] > 0.6
    assert figures["churn_offnet"]["validation_events"] > 100


def test_two_contacts_in_different_months_are_a_tie_through_which_adoptions_count(spark, home):
    lake = Lake(spark, home, Run("reader", DateRange.of(TONIGHT), home))
    window = Window.after(CUT_OFFS[0], load_models(), TONIGHT)

    labels = read_labels(lake, load_models().models["influence_adoption"].label, [window])

    assert labels[CUT_OFFS[0]].num_rows > 100


def test_training_changes_nothing_given_the_same_data_again(spark, home, trained, monkeypatch):
    before = delta_rs.read(home, "ops.model_run").to_pylist()
    champions = {name: promoted.champion(home, name) for name in load_models().models}
    shown = {name: registry.shown_champion(home, name) for name in champions}
    config = load_models()
    two = {name: config.models[name] for name in ("churn_offnet", "influence_adoption")}
    monkeypatch.setattr(train, "load_models", lambda: config.model_copy(update={"models": two}))

    again = train.run(spark, home, DateRange.of(TONIGHT))

    assert again["promoted"] == 0
    assert sorted(map(str, delta_rs.read(home, "ops.model_run").to_pylist())) == sorted(map(str, before))
    assert {name: promoted.champion(home, name) for name in champions} == champions
    assert {name: registry.shown_champion(home, name) for name in champions} == shown
    assert shown["churn_offnet"] == champions["churn_offnet"].version, "people see in MLflow what scores"


def test_models_are_refused_untrained_given_too_few_events(spark, home, trained, monkeypatch):
    config = load_models()
    spec = config.models["churn_offnet"]
    strict = spec.model_copy(update={"thresholds": spec.thresholds.model_copy(update={"min_events": 10**6})})
    monkeypatch.setattr(train, "load_models", lambda: config.model_copy(update={"models": {"churn_offnet": strict}}))
    kept = []
    monkeypatch.setattr(promoted, "record", lambda settings, row, run_id: kept.append(row))

    train.run(spark, home, DateRange.of(TONIGHT))

    assert kept[0]["reason"].startswith("TOO_FEW_EVENTS")
    assert set(kept[0]) | {"run_id", "decided_by", "decided_at_text"} == set(table_of("ops.model_run").column_names)


def test_training_refuses_given_no_second_snapshot_in_time(spark, home):
    with pytest.raises(NotEnoughHistory, match="2026-02-07"):
        train.run(spark, home, DateRange.of("2026-03-08"))


def test_scoring_ranks_and_marks_given_promoted_champions(spark, home, trained):
    scoring = {name for name, row in realised_auc(home).items() if row["verdict"] == "PROMOTED"}

    counts = run_stage(spark, home, "score", DateRange.of(TONIGHT))

    lake = Lake(spark, home, Run("reader", DateRange.of(TONIGHT), home))
    scores = lake.arrow("gold.customer_score").to_pandas()
    assert counts["rows"]["gold.customer_score"] == len(scores)
    assert counts["rows"]["gold.lifecycle_state"] == ROWS
    churn = scores[scores.model_name == "churn_offnet"]
    assert len(churn) == ROWS
    assert churn.subscription_id.is_unique
    assert churn.groupby("decile").size().tolist() == [ROWS // 10] * 10
    assert churn[churn.decile == 10].score.min() >= churn[churn.decile == 1].score.max()
    assert set(scores.model_sha256) == {promoted.champion(home, name).version.sha256 for name in scoring}
    states = lake.arrow("gold.lifecycle_state").to_pandas()
    assert states.churn_offnet_at_risk.sum() >= ROWS // 10
    assert not list(home.path("alerts").glob("*_FEATURE_DRIFT_*.json")), "an ordinary night is not told"


def test_this_process_scores_and_ranks_as_the_workers_of_spark_do(spark, home, trained):
    dates = DateRange.of(TONIGHT)
    run = Run("scoring", dates, home)
    lake, models = Lake(spark, home, run), job.load_champions(home, load_models(), run)

    here = job.rank_here(job.score_here(lake, models, dates, 700))
    there = job.rank_scores(job.score_snapshots(job.read_snapshots(lake, models, dates), models)).toArrow()

    order = [("model_name", "ascending"), ("subscription_id", "ascending")]
    assert here.num_rows > 2 * ROWS
    assert here.sort_by(order).to_pylist() == there.sort_by(order).to_pylist()


def test_a_model_whose_feature_came_empty_is_not_scored_and_told_while_the_others_go_on(spark, home, trained):
    scoring = {name for name, row in realised_auc(home).items() if row["verdict"] == "PROMOTED"}
    bundles = {name: promoted.load_champion(home, name, 10**8)[1] for name in scoring}
    used = {name: Predictor(bundle).used_features for name, bundle in bundles.items()}
    features = {feature for name in scoring for feature in load_models().features_of(name)}
    in_ratios = {column for feature in features if feature.type == "ratio" for column in feature.columns}
    view_columns = table_of("gold.customer_360")
    broken = next(
        name
        for name in sorted(f.name for f in features if f.type == "numeric" and f.name not in in_ratios)
        if view_columns.column(name).nullable
        and view_columns.column(name).type != "boolean"
        and 0 < sum(name in names for names in used.values()) < len(scoring)
    )
    hurt = {name for name, names in used.items() if broken in names}
    lake = Lake(spark, home, Run("customer_view", DateRange.of(TONIGHT), home))
    view = a_customer_view(ROWS, TONIGHT, seed=3)
    place = view.schema.get_field_index(broken)
    empty = view.set_column(place, view.schema.field(place), pa.nulls(ROWS, view.schema.field(place).type))
    _write(lake, "gold.customer_360", empty, DateRange.of(TONIGHT))
    lake.publish()
    try:
        run_stage(spark, home, "score", DateRange.of(TONIGHT))

        reader = Lake(spark, home, Run("reader", DateRange.of(TONIGHT), home))
        assert set(reader.arrow("gold.customer_score")["model_name"].to_pylist()) == scoring - hurt
        told = [json.loads(path.read_text()) for path in home.path("alerts").glob(f"{TONIGHT}_FEATURE_DRIFT_*.json")]
        assert {alert["model"] for alert in told if alert["outcome"] == "REFUSED"} == hurt
        assert {alert["features"] for alert in told} == {broken}
    finally:
        again = Lake(spark, home, Run("customer_view", DateRange.of(TONIGHT), home))
        _write(again, "gold.customer_360", view, DateRange.of(TONIGHT))
        again.publish()


def test_models_whose_training_was_refused_are_told_every_night_with_the_reason(settings, monkeypatch):
    monkeypatch.setenv(
        registry.TRACKING_VARIABLE, f"sqlite:///{settings.path('mlflow', 'mlflow.db')}"
    )  # of no other test
    names = list(load_models().models)
    rows = [dict.fromkeys(table_of("ops.model_run").column_names) for _ in names]
    types = {column.name: column.type for column in table_of("ops.model_run").columns}
    for row, name in zip(rows, names, strict=True):
        row |= {key: 0 for key, kind in types.items() if kind in ("int", "bigint", "double")}
        row |= {key: CUT_OFFS[0] for key, kind in types.items() if kind == "date"}
        row |= {key: "" for key, kind in types.items() if kind == "string"}
        row |= {"model_name": name, "verdict": "REFUSED", "reason": f"AUC_TOO_LOW of {name}"}
    delta_rs.append(settings, "ops.model_run", rows, "test")

    nights = [TONIGHT, TONIGHT + timedelta(days=1)]
    for night in nights:
        assert job.load_champions(settings, load_models(), Run("scoring", DateRange.of(night), settings)) == []

    for night in nights:
        told = [
            json.loads(p.read_text()) for p in settings.path("alerts").glob(f"{night}_MODEL_WITHOUT_CHAMPION_*.json")
        ]
        assert {(alert["model"], alert["reason"]) for alert in told} == {
            (name, f"AUC_TOO_LOW of {name}") for name in names
        }


def test_scoring_goes_on_given_a_feature_dropped_from_the_configuration_after_training(
    spark, home, trained, monkeypatch
):
    config = load_models()
    groups = {name: dict(list(features.items())[:1]) for name, features in config.feature_groups.items()}
    monkeypatch.setattr(job, "load_models", lambda: config.model_copy(update={"feature_groups": groups}))
    run = Run("scoring", DateRange.of(TONIGHT), home)

    champions = job.load_champions(home, job.load_models(), run)

    snapshot = a_customer_view(ROWS, TONIGHT, seed=3)
    asked = job.read_snapshots(Lake(spark, home, run), champions, DateRange.of(TONIGHT)).columns
    assert len(asked) > 40, "floor: champions read many columns"
    for model in champions:
        batch = snapshot.select(sorted(asked)).combine_chunks().to_batches()[0]
        assert score_batch(batch, model, Predictor(model.bundle)).num_rows > 0


def test_scoring_says_what_to_do_given_no_champion(spark, settings):
    with pytest.raises(ModelRefused, match="closedloop run train"):
        run_stage(spark, settings, "score", DateRange.of(TONIGHT))


def test_champion_is_refused_given_a_byte_changed_in_the_registry(home, trained):
    version = promoted.champion(home, "churn_offnet").version
    stored = next(home.path("mlflow", "artifacts").glob(f"{version.run_id}/artifacts/bundle/model.txt"))
    original = stored.read_bytes()
    stored.write_bytes(original.replace(b"leaf_value=", b"leaf_value=9", 1))
    try:
        with pytest.raises(ModelRefused, match="SHA-256"):
            promoted.load_champion(home, "churn_offnet", 10**8)
    finally:
        stored.write_bytes(original)


def test_training_rows_stay_bit_identical_given_other_data_after_what_was_known(spark, home, trained):
    config = load_models()
    window = Window.after(CUT_OFFS[1], config, TONIGHT)
    label = config.models["churn_offnet"].label
    lake = Lake(spark, home, Run("customer_view", DateRange.of(TONIGHT), home))
    before = read_snapshot(lake, config, CUT_OFFS[1], 10**6), read_labels(lake, label, [window])[CUT_OFFS[1]]
    departures = lake.arrow("silver.subscription_status").to_pylist()
    later = [
        {**departures[0], "subscription_id": "S00000001", "load_date": TONIGHT + timedelta(days=1)},  # known too late
        {**departures[0], "subscription_id": "S00000002", "status_time": datetime(2026, 3, 10)},  # happened too late
        {**departures[0], "subscription_id": "S00000003", "status_time": datetime(2026, 2, 7)},  # not after the cut-off
    ]

    _write(lake, "silver.subscription_status", _table("silver.subscription_status", departures + later), None)
    _write(lake, "gold.customer_360", a_customer_view(ROWS, TONIGHT, seed=99), DateRange.of(TONIGHT))
    after = read_snapshot(lake, config, CUT_OFFS[1], 10**6), read_labels(lake, label, [window])[CUT_OFFS[1]]

    assert after[0].equals(before[0])
    assert after[1].sort_by("subscription_id").equals(before[1].sort_by("subscription_id"))
    Lake(spark, home, Run("customer_view", DateRange.of(TONIGHT), home)).restore_ahead(
        ["silver.subscription_status", "gold.customer_360"]
    )
