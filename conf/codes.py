"""Code lists the view needs: codes and words, status codes of BOSS, hotlines of competitors; each a data file beside this one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from conf.reading import ROOT, Strict, load, remembered

STATUS_CODES_FILE = ROOT / "conf" / "status_codes.yaml"
CODE_LISTS_FILE = ROOT / "conf" / "code_lists.yaml"
HOTLINES_FILE = ROOT / "conf" / "competitor_hotlines.yaml"
SOURCE_CODES_FILE = ROOT / "conf" / "source_codes.yaml"
UNKNOWN = "UNKNOWN"  # the word of every code that stands in no list
Word = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class SourceCodes(Strict):
    """Raw code -> word, by list."""

    lists: dict[Word, dict[str, Word]]

    @field_validator("lists")
    @classmethod
    def _not_empty(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for name, words in value.items():
            if not words or UNKNOWN in words.values():
                raise ValueError(f"list {name} with at least one code, and none for {UNKNOWN}")
        return value


class CodeLists(Strict):
    """Code lists shared by feeds: {code: word}."""

    touchpoints: dict[str, str]


class StatusCode(Strict):
    """One status of a subscription in BOSS and what it means here."""

    status_code: str = Field(pattern=r"^\d{4}$")
    name: str
    subscription_status: str = Field(pattern=r"^[A-Z_]+$")
    is_off_network: bool
    churn_type: str | None = None


class StatusCodes(Strict):
    """All status codes."""

    codes: tuple[StatusCode, ...]


class Hotline(Strict):
    """Service number of another operator."""

    number: str = Field(pattern=r"^\d{3,12}$")
    operator: str
    name: str


class Hotlines(Strict):
    """Our hotline and those of others."""

    own_hotline: str = Field(pattern=r"^\d{3,12}$")
    hotlines: tuple[Hotline, ...]


@remembered
def load_code_lists() -> dict[str, dict[str, str]]:
    """The shared code lists by name, each {code: word}."""
    return load(CodeLists, CODE_LISTS_FILE).model_dump()


@remembered
def load_source_codes() -> dict[str, dict[str, str]]:
    """Raw code of a source system -> our word, by list."""
    return load(SourceCodes, SOURCE_CODES_FILE).lists


@remembered
def load_status_codes() -> tuple[StatusCode, ...]:
    """The status codes in file order."""
    return load(StatusCodes, STATUS_CODES_FILE).codes


@remembered
def load_hotlines() -> Hotlines:
    """The hotlines whose calls the view counts."""
    return load(Hotlines, HOTLINES_FILE)
