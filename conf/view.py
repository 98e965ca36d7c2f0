"""What the customer view counts and over which windows (conf/view.yaml)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from conf.codes import load_code_lists
from conf.reading import ROOT, Strict, load, remembered, require_known

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

VIEW_FILE = ROOT / "conf" / "view.yaml"
VIEW = "gold.customer_360"
VAS, USAGE, BILLS = "silver.vas_daily", "silver.usage_daily", "silver.bill_month"
# The measures that may count as use, in the order in which the functions of jobs/rules/uses.py take them.
COUNTABLE = {
    VAS: (
        "crbt_download_cnt",
        "crbt_paid_download_cnt",
        "crbt_gift_cnt",
        "crbt_copy_cnt",
        "crbt_set_cnt",
        "crbt_music_box_cnt",
        "newspaper_issue_cnt",
        "misc_subscribe_cnt",
        "misc_unsubscribe_cnt",
    ),
    USAGE: ("voice_mo_cnt", "sms_mo_cnt", "gprs_sessions", "data_volume_kb", "mms_p2p_cnt", "mms_sp_cnt"),
}
_LENGTH = re.compile(r"_(\d+)([dm])(?:_|$)")


class _Window(Strict):
    columns: tuple[str, ...] = ()

    def require_names(self, length: int, unit: str) -> None:
        """Refuse columns whose name says another window."""
        for column in self.columns:
            found = _LENGTH.search(column)
            if found is None or (int(found[1]), found[2]) != (length, unit):
                raise ValueError(f"column {column}: a name with _{length}{unit}, as the window is")


class Days(_Window):
    """A window of days that ends on the snapshot date, and the columns of the view that carry it."""

    days: int = Field(ge=1)

    @model_validator(mode="after")
    def _names_say_the_days(self) -> Days:
        self.require_names(self.days, "d")
        return self


class Months(_Window):
    """A window of calendar months that ends on the snapshot date, and the columns of the view that carry it."""

    months: int = Field(ge=1)

    @model_validator(mode="after")
    def _names_say_the_months(self) -> Months:
        self.require_names(self.months, "m")
        return self


class Windows(Strict):
    """All windows of the view, by what is counted in them; those of the sums of use stand with each sum."""

    usage: Days
    recent_usage: Days
    bills: Months
    payments: Days
    recent_payments: Days
    complaints: Days
    services: Days
    newspaper: Days
    tone_downloads: Months
    tone_events: Days
    tone_preference: Days
    contacts: Days
    answers: Months
    own_visits: Months
    orders: Months
    handsets: Months
    home_area: Months
    partners_left: Days
    followers: Days
    agreements_end: Days
    daily_snapshot: Days


class UsageSum(Strict):
    """One column: a daily measure summed over the last days."""

    measure: str
    days: int = Field(ge=1)


class UsageRules(Strict):
    """Sums of use, and what makes a communicating line and the activity of services."""

    sums: dict[str, UsageSum] = Field(min_length=1)
    communicating_from_days: int = Field(ge=1)
    vas_events: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_say_the_days(self) -> UsageRules:
        for column, summed in self.sums.items():
            Days(days=summed.days, columns=(column,))
        return self


class Use(Strict):
    """What counts as use: any of the measures of a day above zero."""

    table: str
    measures: tuple[str, ...] = Field(min_length=1)


class BillRules(Strict):
    """Items of a bill that are metered, and those that are fees of services."""

    metered: tuple[str, ...] = Field(min_length=1)
    services: tuple[str, ...] = Field(min_length=1)


class OrderRules(Strict):
    """By what a product id is known as a base plan, and the actions that count as a change of plan."""

    plan_prefix: str = Field(min_length=1)
    plan_changes: tuple[str, ...] = Field(min_length=1)


class OwnVisitRules(Strict):
    """Channels of the contacts a customer begins by column, reasons that ask for the balance, columns that show self-service."""

    channels: dict[str, str] = Field(min_length=1)
    balance_enquiries: tuple[str, ...] = Field(min_length=1)
    self_service: tuple[str, ...] = Field(min_length=1)


class BrandRules(Strict):
    """Brands of which the whole profile is told."""

    full_profile: tuple[str, ...] = Field(min_length=1)


class MusicClub(Strict):
    """Levels that make a member, and a premium member."""

    member: tuple[str, ...] = Field(min_length=1)
    premium: tuple[str, ...] = Field(min_length=1)


class ViewRules(Strict):
    """Everything in conf/view.yaml."""

    windows: Windows
    usage: UsageRules
    uses: dict[str, Use] = Field(min_length=1)
    silence_ends_with: str
    bills: BillRules
    orders: OrderRules
    own_visits: OwnVisitRules
    key_account_when_filled: tuple[str, ...] = Field(min_length=1)
    brands: BrandRules
    music_club: MusicClub
    device_abilities: tuple[str, ...]

    @model_validator(mode="after")
    def _use_is_read_long_enough(self) -> ViewRules:
        longest = max(self.windows.recent_usage.days + 1, *(each.days for each in self.usage.sums.values()))
        if self.windows.usage.days < longest:
            raise ValueError(f"windows.usage.days at least {longest}: a sum of use, or more than recent_usage")
        return self

    def uses_of(self, table: str) -> dict[str, Use]:
        """What counts as use in a table of daily measures, by name."""
        return {name: use for name, use in self.uses.items() if use.table == table}


@remembered
def load_view_rules() -> ViewRules:
    """The rules of conf/view.yaml; a column, code or use there is not is refused with its place."""
    rules = load(ViewRules, VIEW_FILE)
    for key, names, known in _names(rules):
        for name in names:
            require_known(VIEW_FILE, key, name, known)
    return rules


def device_column(ability: str) -> str:
    """Column of the view that says whether the handset has an ability."""
    return f"device_supports_{ability.lower()}"


def require_abilities(file: Path, key: str, abilities: Iterable[str]) -> None:
    """Refuse an ability conf/view.yaml does not name."""
    for ability in abilities:
        require_known(file, key, ability, load_view_rules().device_abilities)


def _names(rules: ViewRules) -> Iterator[tuple[str, Iterable[str], Collection[str]]]:
    """Every name in the file with the place it stands at and the names there are."""
    from conf.tables import table_of  # contracts take codes from files that name abilities

    view, columns = table_of(VIEW), table_of(VIEW).column_names
    for name, window in rules.windows:
        yield f"windows.{name}.columns", window.columns, columns
    yield "usage.sums", [each.measure for each in rules.usage.sums.values()], table_of(USAGE).column_names
    for name, use in rules.uses.items():
        yield f"uses.{name}.table", [use.table], COUNTABLE
        yield f"uses.{name}.measures", use.measures, COUNTABLE[use.table]
    yield "silence_ends_with", [rules.silence_ends_with], rules.uses_of(VAS)
    yield "bills.metered", rules.bills.metered, table_of(BILLS).column_names
    yield "bills.services", rules.bills.services, table_of(BILLS).column_names
    yield "orders.plan_changes", rules.orders.plan_changes, table_of("silver.product_order").column("action").codes
    yield "own_visits.channels", rules.own_visits.channels, columns
    yield "own_visits.channels", rules.own_visits.channels.values(), load_code_lists()["touchpoints"]
    yield "own_visits.self_service", rules.own_visits.self_service, columns
    yield "key_account_when_filled", rules.key_account_when_filled, table_of("silver.customer").column_names
    yield "brands.full_profile", rules.brands.full_profile, view.column("brand_code").codes
    levels = table_of("silver.crbt_subscription").column("music_club_level").codes
    yield "music_club", [*rules.music_club.member, *rules.music_club.premium], levels
    yield "device_abilities", map(device_column, rules.device_abilities), columns
