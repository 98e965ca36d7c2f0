"""KPI of the year and their annual targets (conf/kpi.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from conf.products import load_products
from conf.reading import ROOT, Strict, load, remembered

KPI_FILE = ROOT / "conf" / "kpi.yaml"
OF_A_PRODUCT = ("PRODUCT_HOLDERS", "CRBT_PAYING")


class Kpi(Strict):
    """One KPI: which monthly series it judges, how, and its annual target in users or per 1,000 live subscriptions."""

    kpi: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    title: str
    series: Literal["PRODUCT_HOLDERS", "CRBT_PAYING", "CRBT_DOWNLOADERS"]
    product_id: str | None = None
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
        return self

    @property
    def counted(self) -> str:
        """Name of the monthly counts the KPI judges: the product held, or the series."""
        return str(self.product_id) if self.series == "PRODUCT_HOLDERS" else self.series

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
