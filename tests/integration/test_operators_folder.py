"""A feed and a report of the operator's own work by adding files to his folder: ingested, built, gated, published."""

from __future__ import annotations

from datetime import date

import pytest

from conf.dates import DateRange
from conf.tables import table_of
from expectations.gate import run_gate
from jobs.ingest.job import run as ingest
from jobs.lakehouse import delta_rs
from jobs.lakehouse.building import build_tables
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run

DAY = date(2026, 3, 10)
FILES = {
    "feeds/gift.yaml": """
feed: gift
title: Gifts handed out
owner: gifts@operator
source: gifts
unit: "07001"
style: dollar
encoding: utf-8
content: event
cadence: daily
deadline: "06:00"
when_missing: carry
allow_empty: true
key: [gift_id]
duplicate_days: 7
keep: forever
fields:
  - {name: gift_id, type: code, required: true}
  - {name: msisdn, type: msisdn, personal: msisdn}
  - {name: value_yuan, type: yuan, min: 0}
""",
    "sql/rpt/gifts.yaml": """
table: rpt.gifts
description: Gifts handed out, by night
grain: one row per night with gifts
owner: analyst@operator
stage: evaluation
made_by: query
key: [business_date]
replace_by: business_date
keep: forever
columns:
  - {name: business_date, type: date, nullable: false, description: night that loaded the gifts}
  - {name: gifts, type: bigint, description: gifts handed out}
  - {name: value_fen, type: bigint, unit: fen, description: what they are worth}
""",
    "sql/rpt/gifts.sql": """
SELECT load_date AS business_date, count(*) AS gifts, sum(value_fen) AS value_fen
FROM bronze.gift
WHERE load_date BETWEEN :first_date AND :last_date
GROUP BY load_date
""",
    "expectations/rpt/gifts.yaml": """
table: rpt.gifts
rules:
  - {metric: min, column: value_fen, min: 1, severity: fail, reason: a gift is worth something}
""",
}
LINES = "G1$13500000001$30.00\nG2$13500000002$5.50\nG3$13500000003$-1\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The operator's folder with the four files, named by the environment."""
    made = tmp_path / "operator"
    for name, text in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("CLOSEDLOOP_CONF", str(made))
    return made


def test_feed_and_report_of_the_operators_own_are_ingested_built_and_gated(folder, settings, spark):
    landing = settings.path("landing", "gifts")
    landing.mkdir(parents=True)
    data = "S0700120260310000000.AVL"
    (landing / data).write_text(LINES, encoding="ascii", newline="")
    (landing / "S0700120260310.CHK").write_text(
        f"{data}${len(LINES)}$3$20260310$20260311024500\n", encoding="ascii", newline=""
    )
    night = DateRange.of(DAY)
    ingest(settings, night, ["gift"])
    (bad,) = delta_rs.read(settings, "ops.quarantine").to_pylist()
    assert (bad["feed"], bad["line_number"], bad["field"]) == ("gift", 3, "value_yuan")
    assert "msisdn" not in delta_rs.read(settings, "bronze.gift").column_names

    lake = Lake(spark, settings, Run("evaluation", night, settings))
    build_tables(lake, ["rpt.gifts"], night, {})
    verdicts = run_gate(lake, "evaluation", ["rpt.gifts"], night)
    lake.publish()

    assert lake.arrow("rpt.gifts").to_pylist() == [{"business_date": DAY, "gifts": 2, "value_fen": 3550}]
    assert "min__value_fen" in [verdict.rule.id for verdict in verdicts]
    assert table_of("rpt.gifts").sql_file == folder / "sql" / "rpt" / "gifts.sql"
