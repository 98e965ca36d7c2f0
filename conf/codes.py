"""Code lists the view needs: status codes of BOSS and the hotlines of competitors, each a data file beside this one."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from conf.reading import ROOT, Strict, load

STATUS_CODES_FILE = ROOT / "conf" / "status_codes.yaml"
CODE_LISTS_FILE = ROOT / "conf" / "code_lists.yaml"
HOTLINES_FILE = ROOT / "conf" / "competitor_hotlines.yaml"


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


@cache
def load_code_lists() -> dict[str, dict[str, str]]:
    """The shared code lists by name, each {code: word}."""
    return load(CodeLists, CODE_LISTS_FILE).model_dump()


@cache
def load_status_codes() -> tuple[StatusCode, ...]:
    """The status codes in file order."""
    return load(StatusCodes, STATUS_CODES_FILE).codes


@cache
def load_hotlines() -> Hotlines:
    """The hotlines whose calls the view counts."""
    return load(Hotlines, HOTLINES_FILE)
