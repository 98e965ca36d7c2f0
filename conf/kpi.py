"""KPI of the year and their annual targets (conf/kpi.yaml)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from conf.products import load_products
from conf.reading import ROOT, Strict, load, remembered

KPI_FILE = ROOT / "conf" / "kpi.yaml"


class Kpi(Strict):
    """One KPI: which monthly series it judges, how, and its annual target in users or per 1,000 live subscriptions."""

    kpi: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    title: str
    series: Literal["PRODUCT_HOLDERS", "CRBT_DOWNLOADERS"]
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
        if (self.series == "PRODUCT_HOLDERS") != (self.product_id is not None):
            raise ValueError(f"{self.kpi}: product_id for PRODUCT_HOLDERS and for no other series")
        if self.product_id is not None and self.product_id not in load_products():
            raise ValueError(f"{self.kpi}: product_id {self.product_id}, wanted one of conf/products.yaml")
        return self

    @property
    def counted(self) -> str:
        """Name of the monthly counts the KPI judges: the product held, or the series."""
        return self.product_id or self.series

    def annual_target(self, live_at_start: int) -> float:
        """The target in users, given the live subscriptions at the start of the year."""
        if self.users is not None:
            return self.users
        return (self.target_per_1000_live or 0.0) * live_at_start / 1000


class _Kpis(Strict):
    kpis: tuple[Kpi, ...]


@remembered
def load_kpis() -> dict[str, Kpi]:
    """All KPI by name; raises ConfigError with file, key, found and wanted."""
    return {kpi.kpi: kpi for kpi in load(_Kpis, KPI_FILE).kpis}
