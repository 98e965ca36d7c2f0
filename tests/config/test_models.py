"""conf/models.yaml names only columns the customer view has, with the types it says."""

from __future__ import annotations

import pytest
import yaml

from conf.errors import ConfigError
from conf.models import MODELS_FILE, load_models
from conf.tables import table_of

TYPES = {
    "numeric": {"int", "bigint", "double", "boolean"},
    "ratio": {"int", "bigint", "double"},
    "categorical": {"string"},
    "date": {"date", "timestamp"},
}


@pytest.mark.parametrize("model_name", load_models().models)
def test_features_are_columns_of_the_customer_view_given_a_model(model_name):
    view = table_of("gold.customer_360")

    for feature in load_models().features_of(model_name):
        for column in feature.columns:
            assert view.column(column).type in TYPES[feature.type], feature
            assert view.column(column).pii == "none", f"{column} is personal and may not train a model"


def test_population_columns_are_columns_of_the_customer_view():
    for column in load_models().population_columns:
        assert table_of("gold.customer_360").column(column)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("models", "churn_offnet", "colour"), "red", "colour"),  # unknown key
        (("models", "churn_offnet", "feature_groups"), ["persons"], "persons"),  # unknown group
        (("models", "churn_offnet", "label", "event"), "LEAVES", "event"),  # unknown label
        (("models", "churn_offnet", "thresholds", "min_auc"), 1.5, "min_auc"),
        (("lifecycle", "churn_model"), "churn", "churn_model"),  # no such model
        (("feature_groups", "person", "age_years"), "number", "age_years"),  # unknown type
    ],
)
def test_models_file_is_refused_with_its_place_given_a_mistake(tmp_path, place, value, told):
    body = yaml.safe_load(MODELS_FILE.read_text(encoding="utf-8"))
    target = body
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    path = tmp_path / "models.yaml"
    path.write_text(yaml.safe_dump(body), encoding="utf-8")

    with pytest.raises(ConfigError, match=told):
        load_models(path)


@pytest.mark.parametrize("column", ["complaint_cnt_90d", "complaint_open_cnt"])
def test_every_model_knows_of_complaints(column):
    for name in load_models().models:
        assert column in [feature.name for feature in load_models().features_of(name)], name
