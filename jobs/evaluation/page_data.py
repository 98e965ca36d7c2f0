"""What the page of a night shows, read from published tables without Spark: counts, rates and names of rules, no personal data."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import Any

import pyarrow.compute as pc

from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.file_states import LOADED
from jobs.lakehouse.tables import Tables
from jobs.lakehouse.withheld import WITHHELD

Rows = list[dict[str, Any]]
_ON_A_LIST = ("EXPORTED", "RECOMMENDED")
_ALLOCATION = "allocation."
_SHADOW = "allocation.shadow_price."


class NightTables:
    """The tables as readers see them, restricted to one night."""

    def __init__(self, settings: Settings, night: date):
        self.settings, self.night = settings, night
        self._published = Tables(settings)
        self._rows: dict[tuple[str, str], Rows] = {}

    def rows(self, name: str, date_column: str = "business_date") -> Rows:
        """Rows of one small table whose date is the night, read once."""
        key = (name, date_column)
        if key not in self._rows:
            self._rows[key] = self._published.rows(name, [(date_column, "=", self.night)])
        return self._rows[key]

    def counts(self, name: str, keys: list[str], date_column: str = "business_date") -> Rows:
        """Number of rows of the night (row_count) by key columns, in their order; no table is too large for it."""
        with self._published.duckdb([name]) as connection:
            listed = ", ".join(keys)
            query = (
                f"SELECT {listed}, count(*) AS row_count FROM {name} WHERE {date_column} = ? GROUP BY ALL ORDER BY ALL"
            )
            return connection.sql(query, params=[self.night]).to_arrow_table().to_pylist()

    def row_count(self, name: str, date_column: str = "business_date") -> int:
        """Number of rows of the night."""
        return self._published.dataset(name).count_rows(filter=pc.field(date_column) == self.night)

    def runs(self, stage: str) -> list[str]:
        """Runs of a stage that published for the night, oldest first."""
        found = [row for row in self.rows("ops.published") if row["stage"] == stage]
        ordered = sorted(found, key=lambda row: row["published_seq"])
        return list(dict.fromkeys(row["run_id"] for row in ordered))


def loaded(tables: NightTables) -> dict[str, Any]:
    """Rows and files of the night by feed, with totals; every record is good or quarantined."""
    files = [row for row in tables.rows("ops.file_ledger", "load_date") if row["status"] in LOADED]
    by_feed: dict[str, Counter] = defaultdict(Counter)
    for row in files:
        by_feed[row["feed"]].update(
            files=1, rows_in=row["rows_in"] or 0, good=row["rows_good"] or 0, quarantined=row["rows_quarantined"] or 0
        )
    feeds = [{"feed": feed, **counts} for feed, counts in sorted(by_feed.items(), key=lambda item: -item[1]["rows_in"])]
    return {"feeds": feeds, "total": dict(sum(by_feed.values(), Counter()))}


def quarantine(tables: NightTables) -> Rows:
    """Quarantined records of the night by reason, most frequent first; the records themselves stay encrypted."""
    places: dict[str, Counter] = defaultdict(Counter)
    reasons: dict[str, set[str]] = defaultdict(set)
    for row in tables.counts("ops.quarantine", ["rule", "reason", "feed", "field"], "load_date"):
        places[row["rule"]][f"{row['feed']}.{row['field']}" if row["field"] else row["feed"]] += row["row_count"]
        reasons[row["rule"]].add(row["reason"] or "")
    listed = [
        # Several fields break one rule in several ways: then the fields say more than the texts.
        {
            "rule": rule,
            "reason": min(reasons[rule]) if len(reasons[rule]) == 1 else "",
            "places": sorted(found.items(), key=lambda place: (-place[1], place[0])),
            "records": found.total(),
        }
        for rule, found in places.items()
    ]
    return sorted(listed, key=lambda row: (-row["records"], row["rule"]))


def feed_status(tables: NightTables) -> dict[str, Any]:
    """How many feeds came, and each one that did not come complete."""
    newest = {row["feed"]: row for row in tables.rows("ops.feed_status")}
    rows = [newest[feed] for feed in sorted(newest)]
    return {
        "counts": dict(Counter(row["status"] for row in rows)),
        "exceptions": [row for row in rows if row["status"] not in ("COMPLETE", "EMPTY")],
    }


def models(tables: NightTables) -> Rows:
    """Newest training of each model up to the night: AUC of LightGBM and of its linear rival, lift of the best tenth, verdict."""
    rows = delta_rs.read(tables.settings, "ops.model_run", [("business_date", "<=", tables.night)]).to_pylist()
    rows.sort(key=lambda row: (row["business_date"], row.get("decided_at_text") or ""))
    newest = {row["model_name"]: row for row in rows}
    return [newest[name] for name in sorted(newest)]


def lists(tables: NightTables) -> dict[str, Any]:
    """Lists of the night: contacts by channel and campaign, the files that did not leave, and the contacts taken out of the others."""
    withheld = [row for row in tables.rows("ops.export_ledger") if row["status"] in WITHHELD]
    rows = tables.rows("rpt.export_summary")
    by_channel: Counter = Counter()
    cells: dict[str, Counter] = defaultdict(Counter)
    for row in rows:
        by_channel[row["channel_code"]] += row["contacts"]
        cells[row["campaign_id"]][row["channel_code"]] += row["contacts"]
    return {
        "channels": by_channel.most_common(),
        "campaigns": {name: cells[name] for name in sorted(cells)},
        "total": sum(by_channel.values()),
        "value": sum(row["expected_value_yuan"] for row in rows),
        "files": sum(row["files"] for row in rows),
        "withheld": sorted(withheld, key=lambda row: row["file_name"]),
        "withdrawn": Counter(row["kind"] for row in tables.rows("ops.contact_withdrawal")).most_common(),
    }


def decisions(tables: NightTables) -> dict[str, Any]:
    """Why selected customers are on no list: first reasons by campaign; each column adds up to the targeted of its campaign."""
    campaigns: dict[str, Counter] = defaultdict(Counter)
    for row in tables.counts("gold.campaign_decision", ["campaign_id", "verdict", "first_reason"]):
        campaigns[row["campaign_id"]][row["first_reason"] or row["verdict"]] += row["row_count"]
    totals: Counter = sum(campaigns.values(), Counter())
    reasons = [name for name, _ in totals.most_common() if name not in _ON_A_LIST]
    return {"campaigns": {name: campaigns[name] for name in sorted(campaigns)}, "reasons": [*_ON_A_LIST, *reasons]}


def allocation(tables: NightTables) -> dict[str, Any]:
    """Plan of the night: value, proven bound, gap, greedy beside it, and the shadow prices that bind."""
    runs = tables.runs("targeting")
    rows = [
        row
        for row in tables.rows("ops.run_metric")
        if row["stage"] == "targeting" and row["metric"].startswith(_ALLOCATION)
    ]
    of_run: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        of_run[row["run_id"]][row["metric"]] = row["value"]
    known = [run for run in runs if run in of_run]
    figures = of_run[known[-1]] if known else {}
    prices = {
        name.removeprefix(_SHADOW): value for name, value in figures.items() if name.startswith(_SHADOW) and value > 0
    }
    plain = {name.removeprefix(_ALLOCATION): value for name, value in figures.items() if not name.startswith(_SHADOW)}
    return {"figures": plain, "prices": sorted(prices.items(), key=lambda item: -item[1])}


def gates(tables: NightTables) -> dict[str, Any]:
    """Rules that were checked in the published runs of the night, by stage, and every rule that did not hold."""
    rows = tables.rows("ops.gate_result")
    newest = {}
    for stage in dict.fromkeys(row["stage"] for row in rows):
        published_runs = set(tables.runs(stage))
        for row in (row for row in rows if row["stage"] == stage and row["run_id"] in published_runs):
            newest[stage, row["table_name"], row["expectation"]] = row
    stages: dict[str, Counter] = defaultdict(Counter)
    for (stage, _, _), row in newest.items():
        stages[stage]["held" if row["success"] else row["severity"]] += 1
    return {
        "stages": {stage: dict(stages[stage]) for stage in sorted(stages)},
        # A stage run twice finds the same rule broken twice: said once.
        "broken": list(
            {
                (row["table_name"], row["expectation"], row["observed"]): row for row in rows if not row["success"]
            }.values()
        ),
    }


def staff_spread(tables: NightTables) -> Rows:
    """Best, worst and mean success rate between people, by channel; no names."""
    channels: dict[str, Rows] = defaultdict(list)
    for row in tables.rows("rpt.eval_staff"):
        if row["success_rate_contacted"] is not None:
            channels[row["channel_code"]].append(row)
    return [
        {
            "channel_code": channel,
            "people": len(rows),
            "mean": rows[0]["channel_rate"],
            "best": max(row["success_rate_contacted"] for row in rows),
            "worst": min(row["success_rate_contacted"] for row in rows),
        }
        for channel, rows in sorted(channels.items())
    ]
