"""What scores is what ops.model_run promoted, whatever anybody changes in the registry: real MLflow on SQLite, real ledger."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest

from conf.errors import InputRefused
from conf.models import Feature, load_models
from conf.tables import table_of
from jobs.scoring import challenger, promoted
from jobs.scoring.quality import realised_auc
from models import registry
from models.artifact import Bundle
from models.calibration import Calibration
from models.drift import Profile
from models.errors import ModelRefused
from models.features import FeatureContract
from tests.conftest import settings_for_tests

MODEL = "churn_offnet"
LIMIT = 10**7
NIGHT = date(2026, 3, 9)


def a_bundle(seed: int) -> Bundle:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(300, 2)).astype(np.float32)
    rows = lgb.Dataset(matrix, label=(matrix[:, 0] > 0).astype(float), feature_name=["a", "b"])
    booster = lgb.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, rows, num_boost_round=2)
    features = tuple(Feature(name=name, type="numeric", columns=(name,)) for name in "ab")
    contract = FeatureContract("m", features, {}).with_profiles(dict.fromkeys("ab", Profile((0.0,), (0, 0, 150, 150))))
    return Bundle(booster.model_to_string(), contract.to_json(), Calibration("platt", (1.0, 0.0)).to_json())


def registered(settings, seed: int) -> registry.ModelVersion:
    example = pa.table({"a": [0.0], "b": [0.0]})
    source = {"path": "/lake/gold/customer_360", "version": 1, "name": "gold.customer_360", "digest": "d", "tags": {}}
    return registry.register(settings, registry.TrainingRecord(MODEL, a_bundle(seed), example, {}, {}, {}, source))


def a_row(version: registry.ModelVersion, day: date, verdict: str = promoted.PROMOTED) -> dict:
    types = {column.name: column.type for column in table_of(promoted.MODEL_RUN).columns}
    empty = {"string": "", "date": day}
    row = {
        name: empty.get(kind, 0)
        for name, kind in types.items()
        if name not in ("run_id", "decided_by", "decided_at_text")
    }
    about = {
        "model_name": MODEL,
        "verdict": verdict,
        "reason": f"the training of {day}",
        "model_version": version.version,
    }
    return row | about | {"model_sha256": version.sha256, "mlflow_run_id": version.run_id}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A home whose registry holds three versions of a model; the first two were promoted, the second one scores."""
    settings = settings_for_tests(tmp_path_factory.mktemp("promoted"))
    settings = settings.model_copy(
        update={
            "services": settings.services.model_copy(
                update={"mlflow_tracking_uri": f"sqlite:///{settings.home}/mlflow.db"}
            )
        }
    )
    settings.home.mkdir(exist_ok=True)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # an earlier test may have been given an address
    versions = [registered(settings, seed) for seed in (1, 2, 3)]
    for version, day in zip(versions[:2], (date(2026, 2, 22), date(2026, 3, 1)), strict=True):
        promoted.record(settings, a_row(version, day), "test")
    yield settings, versions
    monkeypatch.undo()


@pytest.fixture
def stranger(world):
    """Whoever reaches the registry; what he did is undone after the test."""
    settings, _ = world
    yield registry._client(settings)
    for alert in settings.path("alerts").glob("*"):
        alert.unlink()
    promoted.show(settings, MODEL)


def alerts(settings, event: str = "MODEL_CHANGED") -> list[dict]:
    return [json.loads(path.read_text()) for path in settings.path("alerts").glob(f"*_{event}_*.json")]


def test_the_promoted_version_is_loaded_and_shown_and_nobody_is_alarmed(world):
    settings, (_, second, _) = world

    version, bundle = promoted.load_champion(settings, MODEL, LIMIT, NIGHT)

    assert (version, bundle.sha256) == (second, a_bundle(2).sha256)
    assert registry.shown_champion(settings, MODEL) == second
    assert alerts(settings) == []


def test_an_alias_moved_by_a_stranger_is_told_and_does_not_score(world, stranger):
    settings, (_, second, third) = world
    stranger.set_model_version_tag(MODEL, str(third.version), "bundle_sha256", third.sha256)
    stranger.set_registered_model_alias(MODEL, registry.CHAMPION, str(third.version))
    assert registry.shown_champion(settings, MODEL) == third, "floor: the registry took the move"

    version, bundle = promoted.load_champion(settings, MODEL, LIMIT, NIGHT)

    assert (version, bundle.sha256) == (second, second.sha256)
    (told,) = alerts(settings)
    assert (told["model"], told["promoted_version"], told["business_date"]) == (MODEL, str(second.version), str(NIGHT))
    assert f"version {third.version}" in told["text"]


def test_an_alias_that_was_removed_and_tags_that_were_changed_do_not_matter_and_are_told(world, stranger):
    settings, (_, second, third) = world
    stranger.set_model_version_tag(MODEL, str(second.version), "bundle_sha256", third.sha256)
    assert promoted.load_champion(settings, MODEL, LIMIT, NIGHT)[0] == second
    assert len(alerts(settings)) == 1
    stranger.delete_registered_model_alias(MODEL, registry.CHAMPION)

    assert promoted.load_champion(settings, MODEL, LIMIT, NIGHT)[0] == second

    assert len(alerts(settings)) == 2


def test_files_changed_together_with_their_tags_are_refused_with_what_to_do(world, stranger):
    settings, (_, second, third) = world
    folder = next(settings.path("mlflow", "artifacts").glob(f"{second.run_id}/artifacts/bundle"))
    a_bundle(3).write(folder)
    stranger.set_model_version_tag(MODEL, str(second.version), "bundle_sha256", third.sha256)
    try:
        with pytest.raises(ModelRefused, match=r"wanted " + second.sha256 + r"[\s\S]*closedloop rollback"):
            promoted.load_champion(settings, MODEL, LIMIT, NIGHT)
        assert any("not what was promoted" in alert["text"] for alert in alerts(settings))
        assert challenger._kept_version(settings, MODEL, second.sha256, load_models()) is None, (
            "training registers anew"
        )
    finally:
        a_bundle(2).write(folder)
    assert challenger._kept_version(settings, MODEL, second.sha256, load_models()) == second


def test_files_that_are_gone_are_refused_with_what_to_do(world, stranger):
    settings, (_, second, _) = world
    folder = next(settings.path("mlflow", "artifacts").glob(f"{second.run_id}/artifacts/bundle"))
    aside = folder.rename(folder.with_name("aside"))
    try:
        with pytest.raises(ModelRefused, match="closedloop rollback"):
            promoted.load_champion(settings, MODEL, LIMIT, NIGHT)
    finally:
        aside.rename(folder)


def test_a_training_again_without_change_adds_no_row_and_a_refused_one_does_not_score(world):
    settings, (_, second, third) = world
    before = promoted.decisions(settings)

    promoted.record(settings, a_row(second, date(2026, 3, 1), promoted.UNCHANGED), "again")
    assert promoted.decisions(settings) == before
    promoted.record(settings, a_row(third, date(2026, 3, 8), promoted.REFUSED), "test")

    assert len(promoted.decisions(settings)) == len(before) + 1
    assert promoted.champion(settings, MODEL).version == second
    assert realised_auc(settings)[MODEL]["verdict"] == promoted.REFUSED


def test_a_person_rolls_back_and_it_is_kept_who_and_why(world, stranger):
    settings, (first, second, third) = world
    for wrong in (second.version, third.version, 99):
        with pytest.raises(InputRefused, match=f"wanted: an earlier champion: {first.version}"):
            promoted.roll_back(settings, MODEL, wrong, "li.na", "complaints", LIMIT)
    with pytest.raises(InputRefused, match="who rolls back"):
        promoted.roll_back(settings, MODEL, first.version, " ", "complaints", LIMIT)

    promoted.roll_back(settings, MODEL, first.version, "li.na", "complaints doubled", LIMIT)

    assert promoted.load_champion(settings, MODEL, LIMIT, NIGHT)[0] == first == registry.shown_champion(settings, MODEL)
    assert alerts(settings) == []
    assert len(alerts(settings, "MODEL_ROLLED_BACK")) == 1
    last = promoted.decisions(settings, MODEL)[-2:]
    assert [(row["verdict"], row["model_version"], row["decided_by"], row["reason"]) for row in last] == [
        (promoted.WITHDRAWN, second.version, "li.na", "complaints doubled"),
        (promoted.PROMOTED, first.version, "li.na", "complaints doubled"),
    ]
    assert promoted.taken_back(settings, MODEL, second.sha256)["decided_by"] == "li.na", (
        "training does not promote it again"
    )
    assert promoted.taken_back(settings, MODEL, first.sha256) is None
    candidate = SimpleNamespace(name=MODEL, contest=SimpleNamespace(bundle=a_bundle(2)))
    decision = challenger._decide(settings, candidate, promoted.champion(settings, MODEL), load_models())
    assert (decision.verdict, decision.reason.split(":")[0]) == (promoted.REFUSED, "TAKEN_BACK")

    promoted.roll_back(settings, MODEL, second.version, "li.na", "the complaints were about something else", LIMIT)

    assert promoted.champion(settings, MODEL).version == second
    assert promoted.taken_back(settings, MODEL, second.sha256) is None


def test_rows_of_before_the_time_was_kept_count_in_the_order_of_their_dates(settings):
    from jobs.lakehouse import delta_rs

    versions = [registry.ModelVersion(MODEL, number, f"run{number}", f"digest{number}") for number in (1, 2)]
    rows = [a_row(version, date(2026, 3, number)) for number, version in enumerate(versions, start=1)]
    delta_rs.append(settings, promoted.MODEL_RUN, [{**row, "run_id": "old"} for row in reversed(rows)])

    assert promoted.champion(settings, MODEL).version == versions[1]
