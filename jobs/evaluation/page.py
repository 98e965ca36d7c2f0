"""Report: one readable page a night, and an index of the nights; no network, no personal data."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.dates import DateRange
from conf.exclusions import load_exclusions
from conf.files import write_whole
from conf.kpi import load_kpis
from conf.models import load_models
from conf.responses import load_response_rules
from conf.settings import Settings
from jobs.evaluation import charts, page_data
from jobs.evaluation.page_data import NightTables
from jobs.evaluation.rates import FUNNEL_STEPS, NOT_YET_MATURE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TEMPLATES = Path(__file__).parent / "templates"
INDEX = "index.html"


def run(spark: SparkSession | None, settings: Settings, dates: DateRange) -> dict[str, Any]:
    """Write home/reports/<date>.html for each night of the range that has reports, then the index. Needs no Spark."""
    pages = []
    for night in dates:
        tables = NightTables(settings, night)
        if tables.rows("rpt.campaign_funnel") or night in settings.night_dates:
            write_whole(settings.path("reports", f"{night}.html"), _render("night.html.j2", page_of(tables)))
            pages.append(f"{night}.html")
    write_index(settings)
    return {"dates": str(dates), "pages": pages, "folder": str(settings.path("reports"))}


def page_of(tables: NightTables) -> dict[str, Any]:
    """Everything the page of one night shows, by name of the template."""
    funnels, lifts = tables.rows("rpt.campaign_funnel"), tables.rows("rpt.campaign_lift")
    kpis, lists = tables.rows("rpt.kpi_attainment"), page_data.lists(tables)
    return {
        "night": tables.night,
        "nights": _nights(tables.settings, tables.night),
        "titles": _titles(),
        "rules": load_response_rules(),
        "channel_titles": _channel_titles(),
        "offer_titles": _offer_titles(),
        "model_titles": {name: model.title for name, model in load_models().models.items()},
        "loaded": page_data.loaded(tables),
        "quarantine": page_data.quarantine(tables),
        "feeds": page_data.feed_status(tables),
        "models": page_data.models(tables),
        "lists": lists,
        "list_chart": _list_chart(lists),
        "reason_titles": {name: exclusion.title for name, exclusion in load_exclusions().items()},
        "decisions": page_data.decisions(tables),
        "allocation": page_data.allocation(tables),
        "funnels": _by_campaign(funnels),
        "funnel_charts": {row["campaign_id"]: _funnel_chart(row) for row in funnels},
        "channels": sorted(
            tables.rows("rpt.campaign_channel"), key=lambda row: (row["campaign_id"], row["channel_code"])
        ),
        "progress": {(row["campaign_id"], row["channel_code"]): row for row in tables.rows("rpt.campaign_progress")},
        "lifts": _by_campaign(lifts),
        "lift_chart": _lift_chart(_by_campaign(lifts)),
        "strategies": sorted(tables.rows("rpt.eval_strategy"), key=lambda row: (row["campaign_id"], row["offer_id"])),
        "model_tests": _by_campaign(tables.rows("rpt.eval_model")),
        "staff": page_data.staff_spread(tables),
        "kpis": sorted(kpis, key=lambda row: (row["kpi"], row["month_id"])),
        "kpi_titles": _kpi_titles(),
        "kpi_chart": _kpi_chart(kpis),
        "gates": page_data.gates(tables),
        "view_rows": _view_rows(tables),
    }


def write_index(settings: Settings) -> None:
    """The list of nights that have a page, newest first."""
    nights = _nights(settings)[::-1]
    write_whole(settings.path("reports", INDEX), _render("index.html.j2", {"nights": nights}))


def _nights(settings: Settings, also: date | None = None) -> list[date]:
    written = [path.stem for path in settings.path("reports").glob("????-??-??.html")]
    found = {date.fromisoformat(name) for name in written} | ({also} if also else set())
    return sorted(found)


def _render(template: str, values: dict[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, number=_number, points=_points, words=_words, rule=_rule_title)
    return environment.get_template(template).render(values)


def _percent(rate: float | None, digits: int = 1) -> str:
    return "–" if rate is None else f"{100 * rate:.{digits}f}%"


def _points(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:+.1f}"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _words(code: str) -> str:
    return code.replace("_", " ").lower()


def _rule_title(name: str) -> str:
    # Rules of the allocation are named by kind and channel or campaign: capacity_SMS, budget_CRBT_SAVE.
    kind, _, code = name.partition("_")
    title = (_channel_titles() | _titles()).get(code)
    return f"{kind}: {title}" if title else _words(name)


def _titles() -> dict[str, str]:
    earlier = {name: campaign.title for name, campaign in load_response_rules().earlier_campaigns.items()}
    return earlier | {name: campaign.title for name, campaign in load_campaigns().items()}


def _kpi_titles() -> dict[str, str]:
    return {name: kpi.title for name, kpi in load_kpis().items()}


def _channel_titles() -> dict[str, str]:
    return {code: channel.title for code, channel in load_channels().items()}


def _offer_titles() -> dict[str, str]:
    return {offer.offer_id: offer.title for campaign in load_campaigns().values() for offer in campaign.offers}


def _by_campaign(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: row["campaign_id"])


def _view_rows(tables: NightTables) -> int:
    return tables.row_count("gold.customer_360", "snapshot_date")


def _list_chart(lists: dict[str, Any]) -> str:
    titles = _channel_titles()
    return charts.bars([(titles.get(channel, channel), count, f"{count:,}") for channel, count in lists["channels"]])


def _funnel_chart(row: dict) -> str:
    return charts.funnel([(step, row[step]) for step in FUNNEL_STEPS])


def _lift_chart(lifts: list[dict]) -> str:
    titles, known = _titles(), [row for row in lifts if row["lift"] is not None]
    return charts.intervals(
        [
            (
                titles.get(row["campaign_id"], row["campaign_id"]),
                100 * row["lift_low"],
                100 * row["lift"],
                100 * row["lift_high"],
                row["lift_low"] > 0 or row["lift_high"] < 0,
            )
            for row in known
        ]
    )


def _kpi_chart(kpis: list[dict]) -> str:
    newest: dict[str, dict] = {}
    for row in kpis:
        if row["is_mature"] and row["month_id"] >= newest.get(row["kpi"], row)["month_id"]:
            newest[row["kpi"]] = row
    titles = _kpi_titles()
    items = [
        (titles.get(name, name), row["kpi_attainment"], f"{100 * row['kpi_attainment']:.1f}%")
        for name, row in sorted(newest.items())
    ]
    return charts.bars(items, charts.TEAL, mark=1.0) if items else NOT_YET_MATURE
