"""Provinces, city branches and counties of the operator (conf/regions.yaml), by the codes of BOSS."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from conf.reading import ROOT, Strict, load, remembered

REGIONS_FILE = ROOT / "conf" / "regions.yaml"


class City(Strict):
    """One city branch and the names of its counties by code."""

    code: str = Field(pattern=r"^\d{3,4}$")
    name: str
    counties: dict[str, str] = Field(min_length=1)


class Province(Strict):
    """One province and its city branches."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    name: str
    cities: tuple[City, ...] = Field(min_length=1)

    @property
    def city_codes(self) -> tuple[str, ...]:
        """Codes of its city branches."""
        return tuple(city.code for city in self.cities)


class Regions(Strict):
    """All provinces; a code names one place only."""

    provinces: tuple[Province, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_are_distinct(self) -> Regions:
        cities = [city for province in self.provinces for city in province.cities]
        for key, codes in (
            ("provinces.code", [province.code for province in self.provinces]),
            ("cities.code", [city.code for city in cities]),
            ("counties", [county for city in cities for county in city.counties]),
        ):
            doubled = sorted({code for code in codes if codes.count(code) > 1})
            if doubled:
                raise ValueError(f"{key}: every code once; given twice: {doubled}")
        return self


@remembered
def load_regions(path: Path = REGIONS_FILE) -> dict[str, Province]:
    """All provinces by code."""
    return {province.code: province for province in load(Regions, path).provinces}


def all_cities() -> dict[str, City]:
    """All city branches by code, in the order of the file."""
    return {city.code: city for province in load_regions().values() for city in province.cities}
