"""How telephone numbers are dialled here and abroad (conf/numbering.yaml)."""

from __future__ import annotations

from pydantic import Field, model_validator

from conf.reading import ROOT, Strict, load, remembered

NUMBERING_FILE = ROOT / "conf" / "numbering.yaml"


class Numbering(Strict):
    """Prefixes people dial before a number, and the country codes of the world; all are digits."""

    home_country_code: str = Field(pattern=r"^\d{1,3}$")
    service_prefixes: tuple[str, ...]
    fixed_lengths: dict[str, int]
    country_codes: frozenset[str]

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
