"""Why somebody is not contacted, in the order in which the first reason counts (conf/exclusions.yaml)."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field, model_validator

from conf.errors import ConfigError
from conf.reading import ROOT, Strict, load, parse, read_yaml, remembered

EXCLUSIONS_FILE = ROOT / "conf" / "exclusions.yaml"


class Exclusion(Strict):
    """One reason: its bit in campaign_decision.all_reasons, its words, and what it says of the customer."""

    reason: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    bit: int = Field(ge=0, le=62)
    title: str = Field(pattern=r"\S")
    protects: bool = False
    left_out_by: Literal["RULE", "PLAN"] = "RULE"
    is_due: bool = False


class Exclusions(Strict):
    exclusions: tuple[Exclusion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _reasons_and_bits_once(self) -> Exclusions:
        for key in ("reason", "bit"):
            counts = Counter(getattr(exclusion, key) for exclusion in self.exclusions)
            doubled = sorted(value for value, count in counts.items() if count > 1)
            if doubled:
                raise ValueError(f"every {key} once; given twice: {doubled}")
        return self


@remembered
def load_exclusions() -> dict[str, Exclusion]:
    """All reasons by name, in the order in which the first one counts.

    An operator may bring them into another order and other words (a whole list of his own); ConfigError for a reason left
    out, a new one, or a bit other than the delivered one: nights that were decided hold these bits.
    """
    found = {each.reason: each for each in load(Exclusions, EXCLUSIONS_FILE).exclusions}
    delivered = parse(Exclusions, read_yaml(EXCLUSIONS_FILE), EXCLUSIONS_FILE).exclusions
    wanted = {each.reason: each.bit for each in delivered}
    for name in sorted(found.keys() ^ wanted.keys()):
        place = "left out" if name in wanted else "a reason no rule gives"
        raise ConfigError(EXCLUSIONS_FILE, name, place, "every reason of the delivered file, once, in the order wanted")
    for name, bit in wanted.items():
        if found[name].bit != bit:
            raise ConfigError(
                EXCLUSIONS_FILE, f"{name}.bit", found[name].bit, f"{bit}, as in the nights decided so far"
            )
    return found
