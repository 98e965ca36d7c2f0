"""The facts of simulator/operator.yaml agree with the catalogue, the channels and the conditions the effects may name."""

from __future__ import annotations

import numpy as np
import pytest

from conf.channels import load_channels
from conf.errors import ConfigError
from conf.products import load_products
from simulator import hazards, truth
from simulator.facts import OPERATOR, load_facts
from simulator.world import build_world

FACTS = load_facts()


def test_unknown_keys_are_refused_by_name(tmp_path):
    path = tmp_path / "operator.yaml"
    path.write_text(OPERATOR.read_text(encoding="utf-8") + "\nweather: sunny\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="weather"):
        load_facts(path)


def test_products_are_those_of_the_catalogue():
    fees = {product_id: product.monthly_fee_fen for product_id, product in load_products().items()}
    assert {product["prod_id"]: product["fee_fen"] for product in FACTS.products} == fees


def test_every_channel_has_an_answer():
    assert set(FACTS.responses) == set(load_channels())


def test_base_rates_are_met_and_every_effect_names_a_known_condition():
    world = build_world(FACTS, 2_000, 5, 20_000, 20_030)
    world.intercepts = hazards.calibrate(world, FACTS, 20_000)  # raises KeyError on an unknown condition
    rows = truth.snapshot(world, FACTS, 20_000)
    for model in ("churn_crbt", "propensity_crbt", "propensity_newspaper"):
        assert rows[truth.COLUMNS[model]].mean() == pytest.approx(FACTS.base_rates[model], rel=0.1)


def test_area_under_curve_counts_ties_half():
    assert truth.area_under_curve(np.array([1.0, 1.0, 2.0]), np.array([False, True, True])) == pytest.approx(0.75)
