"""Facts of the synthetic operator (simulator/operator.yaml) as one object; unknown keys are refused."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from conf.errors import ConfigError
from conf.reading import one_of, read_yaml
from conf.regions import City, all_cities

OPERATOR = Path(__file__).with_name("operator.yaml")
BRANDS = ("GOTONE", "EASYOWN", "MZONE")


@dataclass(frozen=True)
class Facts:
    """Geography, plans, rates, dirt and planted effects; attribute names are the keys of the file."""

    province_code: str
    start_reserve_days: int
    city_weights: dict
    streets: list
    own_prefixes: list
    competitor_prefixes: dict
    competitor_hotlines: list
    competitor_share: float
    brands: dict
    plans: list
    products: list
    usage: dict
    base_rates: dict
    other_rates: dict
    effects: dict
    contagion: dict
    moods: dict
    history_campaigns: list
    responses: dict
    retention_days: int
    response_need_weight: float
    product_appeal: dict
    lists: dict
    dirt: dict
    split_rows: int
    remark_number_share: float
    schedule: dict

    @cached_property
    def product_ids(self) -> list[str]:
        """Value-added products in the order of the state's product matrix."""
        return [product["prod_id"] for product in self.products]

    def product(self, prod_id: str) -> int:
        """Row of a product in the product matrix."""
        return self.product_ids.index(prod_id)

    @cached_property
    def _without_effect(self) -> dict:
        """The finished campaign nobody was moved by: who accepted would have ordered anyway."""
        return next(row for row in self.history_campaigns if not any(row["uplift"].values()))

    @property
    def campaign_without_effect(self) -> str:
        """Its campaign id."""
        return self._without_effect["campaign_id"]

    @property
    def data_pack(self) -> str:
        """Its product, the data pack, which people order when it is due for them."""
        return self._without_effect["prod_id"]

    @cached_property
    def plan_ids(self) -> list[str]:
        """Base plans in the order of the state's plan numbers."""
        return [plan["prod_id"] for plan in self.plans]

    def plans_of(self, brand: int) -> np.ndarray:
        """Plan numbers of a brand."""
        return np.array([number for number, plan in enumerate(self.plans) if plan["brand"] == BRANDS[brand]])

    @cached_property
    def cities(self) -> list[City]:
        """City branches by city number."""
        return [all_cities()[code] for code in self.city_weights]

    @cached_property
    def counties(self) -> list[list[str]]:
        """County names by city number."""
        return [list(city.counties.values()) for city in self.cities]


def load_facts(path: Path = OPERATOR) -> Facts:
    """Read the operator's facts."""
    raw = read_yaml(path)
    known = [field.name for field in fields(Facts)]
    for key in raw:
        if key not in known:
            raise ConfigError(path, key, f"unknown key '{key}'", "one of: " + ", ".join(known))
    missing = [key for key in known if key not in raw]
    if missing:
        raise ConfigError(path, missing[0], "nothing", "a value")
    for code in raw["city_weights"]:
        if code not in all_cities():
            raise ConfigError(path, "city_weights", code, one_of(code, all_cities()) + " (conf/regions.yaml)")
    return Facts(**raw)
