"""KPI of the year and their annual targets (conf/kpi.yaml)."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field, model_validator

from conf.reading import ROOT, Strict, load

KPI_FILE = ROOT / "conf" / "kpi.yaml"


class Kpi(Strict):
    """One KPI: which monthly series it judges, how, and its annual target in users or per 1,000 live subscriptions."""

    kpi: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    title: str
    series: Literal["CRBT_PAYING", "CRBT_DOWNLOADERS", "NEWSPAPER", "MUSIC_CLUB_PREMIUM"]
    measure: Literal["ytd_monthly_avg", "closing"]
    target_per_1000_live: float | None = Field(default=None, gt=0)
    users: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_target(self) -> Kpi:
        if (self.target_per_1000_live is None) == (self.users is None):
            raise ValueError(f"{self.kpi}: exactly one of target_per_1000_live and users")
        return self

    def annual_target(self, live_at_start: int) -> float:
        """The target in users, given the live subscriptions at the start of the year."""
        if self.users is not None:
            return self.users
        return (self.target_per_1000_live or 0.0) * live_at_start / 1000


class _Kpis(Strict):
    kpis: tuple[Kpi, ...]


@cache
def load_kpis() -> dict[str, Kpi]:
    """All KPI by name; raises ConfigError with file, key, found and wanted."""
    return {kpi.kpi: kpi for kpi in load(_Kpis, KPI_FILE).kpis}
