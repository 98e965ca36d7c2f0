"""How telephone numbers are dialled here and abroad (conf/numbering.yaml)."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from conf.reading import ROOT, Strict, load, remembered

NUMBERING_FILE = ROOT / "conf" / "numbering.yaml"


class ForeignDigits(Strict):
    """Least and most digits of a number of another country, written without and with 00 or + before it."""

    bare: tuple[int, int]
    dialled: tuple[int, int]


class Numbering(Strict):
    """Prefixes people dial before a number, patterns of national numbers, and the country codes of the world."""

    home_country_code: str = Field(pattern=r"^\d{1,3}$")
    service_prefixes: tuple[str, ...]
    mobile: str
    mobile_digits: int = Field(ge=7, le=15)
    area: str
    local_fixed: str
    short_code: str
    foreign_digits: ForeignDigits
    fixed_lengths: dict[str, int]
    country_codes: frozenset[str]

    @field_validator("mobile", "area", "local_fixed", "short_code")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"a regular expression of digits: {error}") from None
        if groups:
            raise ValueError("no group but (?:...): the number is what the whole pattern finds")
        return value

    @model_validator(mode="after")
    def _codes_are_known(self) -> Numbering:
        unknown = {self.home_country_code, *self.fixed_lengths} - self.country_codes
        if unknown:
            raise ValueError(f"{sorted(unknown)} (home_country_code or fixed_lengths) is none of country_codes")
        return self

    def is_foreign(self, digits: str) -> bool:
        """Whether digits are a number of another country, its country code first."""
        code = next(
            (digits[:size] for size in (1, 2, 3) if digits[:size] in self.country_codes), self.home_country_code
        )
        return code != self.home_country_code and len(digits) == self.fixed_lengths.get(code, len(digits))


@remembered
def load_numbering() -> Numbering:
    """The numbering of conf/numbering.yaml."""
    return load(Numbering, NUMBERING_FILE)
