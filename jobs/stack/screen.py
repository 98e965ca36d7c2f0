"""The demo's last screen: what came in, what was refused and why, what was decided, what it did, where to look next."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table as Grid

from conf.responses import load_response_rules
from conf.settings import Settings
from conf.tables import load_tables
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.file_states import LOADED
from jobs.lakehouse.tables import Tables
from jobs.stack import all_servers
from jobs.stack.steps import answer_of_step, environment

CORE_TABLES = (
    "silver.subscription",
    "silver.usage_daily",
    "silver.bill_month",
    "gold.customer_360",
    "gold.customer_score",
    "gold.campaign_decision",
    "gold.campaign_contact",
    "gold.contact_history",
    "gold.suppression",
)


def query(settings: Settings, text: str, *tables: str) -> list[tuple]:
    """Rows of a query over these tables as readers see them."""
    with Tables(settings).duckdb(tables) as connection:
        return connection.execute(text).fetchall()


def show(settings: Settings, console: Console) -> None:
    """Print the whole screen; every figure is read from the tables."""
    for title, columns, rows in sections(settings):
        console.print(grid(title, columns, rows))
    console.print(_next_steps(settings))


def sections(settings: Settings) -> Iterable[tuple[str, list[str], list[tuple]]]:
    """Title, column names and rows of each part of the screen."""
    yield "Rows", ["table", "rows"], _row_counts(settings)
    yield (
        "Quarantine by reason",
        ["rule", "feed", "records"],
        query(
            settings,
            "SELECT rule, feed, count(*) FROM ops.quarantine GROUP BY ALL ORDER BY 3 DESC LIMIT 15",
            "ops.quarantine",
        ),
    )
    yield (
        "Models, judged on the later cut-off",
        ["model", "AUC", "best possible", "logistic", "verdict"],
        _models(settings),
    )
    yield "Lists by channel", ["channel", *[str(night) for night in settings.night_dates]], _lists(settings)
    yield (
        "Campaigns, newest night",
        ["campaign", "targeted", "contacted", "accepted so far", "rate 1", "rate 2"],
        _rates(settings),
    )
    yield (
        "Lift against control",
        ["campaign", "treated", "control", "lift, points", f"{load_response_rules().lift.confidence:.0%} interval"],
        _lift(settings),
    )
    yield "Allocation", ["night", "value, yuan", "proven bound", "gap", "greedy"], _allocation(settings)


def _row_counts(settings: Settings) -> list[tuple]:
    versions = published.published_versions(settings)
    files = query(
        settings,
        f"SELECT count(*), sum(rows_in), sum(rows_good), sum(rows_quarantined) FROM ops.file_ledger WHERE status IN {LOADED}",
        "ops.file_ledger",
    )[0]
    rows = [
        (f"landing: {files[0]:,} files", f"{files[1]:,}"),
        ("bronze, good rows", f"{files[2]:,}"),
        ("quarantined", f"{files[3]:,}"),
    ]
    known = load_tables()
    for name in CORE_TABLES:
        if name in known:
            count = delta_rs.count(settings, name, published.reader_version(settings, name, versions))
            rows.append((name, f"{count:,}"))
    return rows


def _models(settings: Settings) -> list[tuple]:
    from jobs.scoring.promoted import decisions, newest_trainings

    ceilings = model_ceilings(settings)
    return [
        (
            name,
            f"{row['auc']:.3f}",
            "not comparable" if name in NOT_COMPARABLE else _three(ceilings.get(f"{name}@{row['validation_cut_off']}")),
            f"{row['logistic_auc']:.3f}",
            row["verdict"],
        )
        for name, row in sorted(newest_trainings(decisions(settings)).items())
    ]


def _three(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


# The truth of influence counts adoptions a customer caused; the model can only see adoptions that followed.
NOT_COMPARABLE = {"influence_adoption"}


def model_ceilings(settings: Settings) -> dict[str, float]:
    """The truth's own AUC by `model@cut-off`, asked of the simulator as a process: the pipeline never reads its truth."""
    said = answer_of_step(["simulator", "ceilings", "--json"], environment(settings.home, settings.profile))
    return json.loads(said.splitlines()[-1]) if said else {}


def _lists(settings: Settings) -> list[tuple]:
    rows = query(
        settings,
        "SELECT channel_code, business_date, sum(rows) FROM ops.export_ledger WHERE status = 'EXPORTED' GROUP BY ALL",
        "ops.export_ledger",
    )
    by_key = {(channel, day): int(count) for channel, day, count in rows}
    channels = sorted({channel for channel, _ in by_key})
    return [
        (channel, *[f"{by_key.get((channel, night), 0):,}" for night in settings.night_dates]) for channel in channels
    ]


def _rates(settings: Settings) -> list[tuple]:
    rows = query(
        settings,
        "SELECT campaign_id, targeted, contacted, accepted_so_far, success_rate_target, success_rate_contacted FROM rpt.campaign_funnel "
        "WHERE business_date = (SELECT max(business_date) FROM rpt.campaign_funnel) ORDER BY 1",
        "rpt.campaign_funnel",
    )
    return [(c, _whole(t), _whole(n), _whole(a), _percent(r1), _percent(r2)) for c, t, n, a, r1, r2 in rows]


def _lift(settings: Settings) -> list[tuple]:
    rows = query(
        settings,
        "SELECT campaign_id, treated_rate, control_rate, lift, lift_low, lift_high, lift_text FROM rpt.campaign_lift "
        "WHERE business_date = (SELECT max(business_date) FROM rpt.campaign_lift) ORDER BY 1",
        "rpt.campaign_lift",
    )
    return [
        (
            c,
            _percent(t),
            _percent(k),
            _points(d) if d is not None else text,
            f"{_points(low)} to {_points(high)}" if low is not None else text,
        )
        for c, t, k, d, low, high, text in rows
    ]


def _allocation(settings: Settings) -> list[tuple]:
    rows = query(
        settings,
        "SELECT m.business_date, m.metric, m.value FROM ops.run_metric m "
        "JOIN (SELECT run_id, max(published_seq) AS publication FROM ops.published GROUP BY run_id) p ON p.run_id = m.run_id "
        "WHERE m.stage = 'targeting' AND m.metric LIKE 'allocation.%' "
        "QUALIFY row_number() OVER (PARTITION BY m.business_date, m.metric ORDER BY p.publication DESC) = 1",
        "ops.run_metric",
        "ops.published",
    )
    nights: dict = {}
    for day, metric, value in rows:
        nights.setdefault(day, {})[metric.removeprefix("allocation.")] = value
    return [
        (
            str(day),
            f"{m.get('objective', 0):,.2f}",
            f"{m.get('bound', 0):,.2f}",
            f"{100 * m.get('gap', 0):.3f} %",
            f"{m.get('greedy', 0):,.2f}",
        )
        for day, m in sorted(nights.items())
    ]


def _whole(value: int | None) -> str:
    return "" if value is None else f"{int(value):,}"


def _percent(value: float | None) -> str:
    return "not yet mature" if value is None else f"{100 * value:.2f} %"


def _points(value: float | None) -> str:
    return "not yet mature" if value is None else f"{100 * value:+.2f}"


def grid(title: str, columns: list[str], rows: list[tuple]) -> Grid:
    grid = Grid(title=title, title_justify="left", show_edge=False, pad_edge=False, title_style="bold")
    for number, column in enumerate(columns):
        grid.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        grid.add_row(*[str(cell) for cell in row])
    return grid


def _next_steps(settings: Settings) -> str:
    page = (
        settings.path("reports", f"{settings.night_dates[-1]}.html")
        if settings.night_dates
        else settings.path("reports")
    )
    lines = [
        "",
        "[bold]Where to look next[/bold]",
        f"  the night's report     {page}",
        f"  the channels' files    {settings.path('exports')}",
        f"  the Data Docs          {settings.path('data_docs')}",
        "  Airflow, MLflow        make up  (prints addresses and login; make down stops them)",
        '  the tables             .venv/bin/closedloop sql "SELECT * FROM gold.customer_360 LIMIT 5"',
        "  the person on call     .venv/bin/closedloop status",
    ]
    return "\n".join(lines)


def show_places(settings: Settings, console: Console) -> None:
    """Addresses and logins of what `make up` left running."""
    console.print(grid("Running on this machine", ["what", "address", "login"], all_servers.places(settings)))
