"""How many rows the gate judges in one process (conf/gate.yaml)."""

from __future__ import annotations

from pydantic import Field

from conf.reading import ROOT, Strict, load, remembered

GATE_FILE = ROOT / "conf" / "gate.yaml"


class GateLimits(Strict):
    """Rows of a night up to which one process counts, and up to which expectations of Great Expectations see them.

    index_results_max: newest results listed on the first page of the Data Docs.
    """

    one_process_rows_max: int = Field(ge=0)
    native_rows_max: int = Field(ge=0)
    index_results_max: int = Field(ge=1)


@remembered
def load_gate_limits() -> GateLimits:
    """The limits, the operator's own laid over them."""
    return load(GateLimits, GATE_FILE)
