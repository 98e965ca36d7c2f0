"""Products a campaign may name (conf/products.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from conf.errors import ConfigError
from conf.reading import ROOT, Strict, load, remembered
from conf.view import require_abilities

PRODUCTS_FILE = ROOT / "conf" / "products.yaml"


class Product(Strict):
    """One product offering: fee in fen a month, share of it that is margin, what a device must be able to do."""

    prod_id: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,23}$")
    name: str
    title: str
    prod_type: Literal["BASE_PLAN", "ADD_ON", "VAS", "CAMPAIGN_OFFER"]
    stage: Literal["REVENUE", "GROWTH", "STRATEGIC", "RETENTION"]  # not read before rule 4.1 pairs segments with stages
    monthly_fee_fen: int = Field(ge=0)  # read by the simulator's check; not before a benefit report by a stage
    margin_share: float = Field(ge=0, le=1)  # the same
    owned_when: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    requires: tuple[str, ...] = ()


class Products(Strict):
    """All products."""

    products: tuple[Product, ...]

    @model_validator(mode="after")
    def _ids_are_distinct(self) -> Products:
        ids = [product.prod_id for product in self.products]
        if len(set(ids)) != len(ids):
            raise ValueError(f"every prod_id once; given twice: {sorted({i for i in ids if ids.count(i) > 1})}")
        return self


@remembered
def load_products() -> dict[str, Product]:
    """All products by prod_id."""
    products = {product.prod_id: product for product in load(Products, PRODUCTS_FILE).products}
    for name, product in products.items():
        require_abilities(PRODUCTS_FILE, f"{name}.requires", product.requires)
    return products


def product_owned_by(column: str) -> str:
    """The product whose owners a column of gold.customer_360 tells (owned_when); ConfigError unless it is exactly one."""
    found = [name for name, product in load_products().items() if product.owned_when == column]
    if len(found) != 1:
        raise ConfigError(PRODUCTS_FILE, "owned_when", f"{len(found)} products with {column}", "exactly one")
    return found[0]
