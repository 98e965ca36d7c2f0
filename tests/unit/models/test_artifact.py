"""Only the three recorded text files are ever read, and only as they were recorded."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from conf.models import Feature
from models import artifact
from models.artifact import Bundle, Predictor, load_bundle
from models.calibration import Calibration
from models.drift import Profile
from models.errors import ModelRefused
from models.features import FeatureContract

LIMIT = 10**7


@pytest.fixture(scope="module")
def bundle():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(300, 2)).astype(np.float32)
    rows = lgb.Dataset(matrix, label=(matrix[:, 0] > 0).astype(float), feature_name=["a", "b"])
    booster = lgb.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, rows, num_boost_round=3)
    features = tuple(Feature(name=name, type="numeric", columns=(name,)) for name in "ab")
    contract = FeatureContract("m", features, {}).with_profiles(dict.fromkeys("ab", Profile((0.0,), (0, 0, 150, 150))))
    return Bundle(booster.model_to_string(), contract.to_json(), Calibration("platt", (1.0, 0.0)).to_json())


def changed(bundle, **texts):
    return Bundle(
        **{
            "model_text": bundle.model_text,
            "features_json": bundle.features_json,
            "calibration_json": bundle.calibration_json,
            **texts,
        }
    )


def loaded(bundle, folder):
    return load_bundle(bundle.write(folder), bundle.sha256, LIMIT)


def test_bundle_is_loaded_given_the_recorded_digests(bundle, tmp_path):
    assert loaded(bundle, tmp_path) == bundle
    assert len(Predictor(bundle).predict_raw(np.zeros((2, 2), np.float32))) == 2


@pytest.mark.parametrize("name", artifact.FILES)
def test_bundle_is_refused_given_one_flipped_byte(bundle, tmp_path, name):
    path = bundle.write(tmp_path) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(ModelRefused, match="SHA-256"):
        load_bundle(tmp_path, bundle.sha256, LIMIT)


class Plant:
    """A pickle that would leave a trace when opened."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("name", ["model.pkl", "python_model.pkl", "MLmodel"])
def test_bundle_is_refused_and_nothing_is_opened_given_a_planted_file(bundle, tmp_path, name):
    folder, trace = bundle.write(tmp_path / "bundle"), tmp_path / "opened"
    (folder / name).write_bytes(pickle.dumps(Plant(trace)))

    with pytest.raises(ModelRefused, match="exactly"):
        load_bundle(folder, bundle.sha256, LIMIT)
    assert not trace.exists()


def test_bundle_is_refused_given_a_pickle_in_place_of_the_model_text(bundle, tmp_path):
    folder, trace = bundle.write(tmp_path / "bundle"), tmp_path / "opened"
    content = pickle.dumps(Plant(trace), protocol=0)
    (folder / "model.txt").write_bytes(content)

    planted = Bundle(content.decode(), bundle.features_json, bundle.calibration_json)
    with pytest.raises(ModelRefused, match="text model"):
        Predictor(load_bundle(folder, planted.sha256, LIMIT))
    assert not trace.exists()


def test_bundle_is_refused_given_more_bytes_than_allowed(bundle, tmp_path):
    with pytest.raises(ModelRefused, match="at most"):
        load_bundle(bundle.write(tmp_path), bundle.sha256, max_bytes=100)


def test_bundle_is_refused_given_a_link(bundle, tmp_path):
    folder = bundle.write(tmp_path / "bundle")
    (folder / "model.txt").rename(tmp_path / "elsewhere.txt")
    (folder / "model.txt").symlink_to(tmp_path / "elsewhere.txt")

    with pytest.raises(ModelRefused, match="link"):
        load_bundle(folder, bundle.sha256, LIMIT)


@pytest.mark.parametrize("key", ["leaf_value", "threshold", "num_leaves"])
def test_model_is_refused_given_a_key_twice_in_a_tree(bundle, key):
    lines = bundle.model_text.splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if line.startswith(f"{key}="))
    doubled = "".join([*lines[: place + 1], lines[place], *lines[place + 1 :]])

    with pytest.raises(ModelRefused, match=f"'{key}' is given twice"):
        Predictor(changed(bundle, model_text=doubled))


def test_model_is_refused_given_a_key_twice_in_its_json(bundle):
    doubled = bundle.calibration_json.replace("{", '{"method": "ratio", ', 1)

    with pytest.raises(ModelRefused, match="'method' is given twice"):
        Predictor(changed(bundle, calibration_json=doubled))


@pytest.mark.parametrize("names", [["b", "a"], ["a"], ["a", "b", "c"], ["a", "x"]])
def test_model_is_refused_given_other_features_than_its_contract(bundle, names):
    text = bundle.model_text.replace("feature_names=a b", "feature_names=" + " ".join(names))

    with pytest.raises(ModelRefused, match="features"):
        Predictor(changed(bundle, model_text=text))


def test_model_is_refused_given_an_unknown_objective(bundle):
    with pytest.raises(ModelRefused, match="objective"):
        Predictor(changed(bundle, model_text=bundle.model_text.replace("objective=binary", "objective=custom")))


def test_model_is_refused_given_an_old_lightgbm(bundle, monkeypatch):
    monkeypatch.setattr(lgb, "__version__", "4.5.0")

    with pytest.raises(ModelRefused, match=r">= 4\.6"):
        Predictor(bundle)


@pytest.mark.parametrize(
    "body",
    [
        {"method": "code", "x": [1], "y": []},  # unknown method
        {"method": "isotonic", "x": [0, 1], "y": [1, 0]},  # would turn the ranking round
        {"method": "platt", "x": ["1; import os"], "y": []},  # not a number
        {"method": "platt", "x": [1.0, 0.0], "y": [], "extra": 1},
    ],
)
def test_calibration_is_refused_given_anything_but_a_rising_curve_of_numbers(bundle, body):
    with pytest.raises(ModelRefused, match=r"calibration\.json"):
        Predictor(changed(bundle, calibration_json=json.dumps(body)))
