"""KPI of the year and their annual targets (conf/kpi.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from conf.products import load_products, product_owned_by
from conf.reading import ROOT, Strict, load, remembered
from conf.view import VAS, load_view_rules

KPI_FILE = ROOT / "conf" / "kpi.yaml"
HOLDERS, PAYING_HOLDERS, USERS = "PRODUCT_HOLDERS", "PAYING_HOLDERS", "USERS"
OF_A_PRODUCT = (HOLDERS, PAYING_HOLDERS)
PLATFORM_COLUMN = "has_crbt"  # owners of its product are told by a platform that knows of free trials


class Kpi(Strict):
    """One KPI: which monthly series it judges, how, and its annual target in users or per 1,000 live subscriptions."""

    kpi: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    title: str
    series: Literal["PRODUCT_HOLDERS", "PAYING_HOLDERS", "USERS"]
    product_id: str | None = None
    use: str | None = None
    measure: Literal["ytd_monthly_avg", "closing"]
    target_per_1000_live: float | None = Field(default=None, gt=0)
    users: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_target(self) -> Kpi:
        if (self.target_per_1000_live is None) == (self.users is None):
            raise ValueError(f"{self.kpi}: exactly one of target_per_1000_live and users")
        return self

    @model_validator(mode="after")
    def _product_is_known(self) -> Kpi:
        if (self.series in OF_A_PRODUCT) != (self.product_id is not None):
            raise ValueError(f"{self.kpi}: product_id for {' and '.join(OF_A_PRODUCT)} and for no other series")
        if self.product_id is not None and self.product_id not in load_products():
            raise ValueError(f"{self.kpi}: product_id {self.product_id}, wanted one of conf/products.yaml")
        if self.series == PAYING_HOLDERS and self.product_id != product_owned_by(PLATFORM_COLUMN):
            raise ValueError(
                f"{self.kpi}: {PAYING_HOLDERS} is for {product_owned_by(PLATFORM_COLUMN)}, whose trials are known"
            )
        return self

    @model_validator(mode="after")
    def _use_is_known(self) -> Kpi:
        known = load_view_rules().uses_of(VAS)
        if (self.series == USERS) != (self.use is not None):
            raise ValueError(f"{self.kpi}: use for {USERS} and for no other series")
        if self.use is not None and self.use not in known:
            raise ValueError(
                f"{self.kpi}: use {self.use}, wanted one of conf/view.yaml, uses of {VAS}: {', '.join(known)}"
            )
        return self

    @property
    def counted(self) -> str:
        """Name of the monthly counts the KPI judges: the product held, PAYING and the product, or the use."""
        if self.series == USERS:
            return str(self.use)
        return str(self.product_id) if self.series == HOLDERS else f"PAYING:{self.product_id}"

    def annual_target(self, live_at_start: int) -> float:
        """The target in users, given the live subscriptions at the start of the year."""
        if self.users is not None:
            return self.users
        return (self.target_per_1000_live or 0.0) * live_at_start / 1000


class KpiRules(Strict):
    """All KPI of the year, and the user types (subscription.user_type) that count for none of them."""

    not_counted_user_types: tuple[str, ...] = Field(min_length=1)
    kpis: tuple[Kpi, ...]


@remembered
def load_kpi_rules() -> KpiRules:
    """The rules of conf/kpi.yaml; raises ConfigError with file, key, found and wanted."""
    return load(KpiRules, KPI_FILE)


@remembered
def load_kpis() -> dict[str, Kpi]:
    """All KPI by name."""
    return {kpi.kpi: kpi for kpi in load_kpi_rules().kpis}
