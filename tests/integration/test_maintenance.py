"""Maintenance removes what is older than its retention, leaves the rest, and never stands in the way of a night."""

from __future__ import annotations

from datetime import date

import pytest

from conf import tables
from conf.dates import DateRange
from conf.tables import table_of
from jobs.lakehouse import delta_rs, expiry, published
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run, exclusive
from jobs.maintenance import disk, identities, job
from jobs.view import as_of
from tests.builders.contracts import a_contract
from tests.builders.targeting_night import a_row, put

TONIGHT = DateRange.of("2026-03-10")
DAYS = {"2026-02-07": "too old", "2026-02-08": "just kept", "2026-03-10": "tonight"}  # 30 days back is 8 February
VISIT = a_contract(
    "gold.visit",
    {"visit_id": "string", "business_date": "date"},
    retention_days=30,
    partition_by=["business_date"],
    replace_by="business_date",
)
FILE = {
    "feed": "payment",
    "source": "billing",
    "file_name": "x",
    "style": "dollar",
    "data_date": date(2025, 9, 1),
    "status": "LANDED",
    "rows_good": 5,
    "run_id": "a",
}


@pytest.fixture
def visits(spark, settings, monkeypatch):
    """A published gold table of three days, and gate results of as many, each older than, at and within its retention."""
    monkeypatch.setitem(tables.load_tables(), "gold.visit", VISIT)
    cared_for = {"gold.visit": VISIT, "ops.gate_result": table_of("ops.gate_result")}
    monkeypatch.setattr(job, "load_tables", lambda: cared_for)
    lake = Lake(spark, settings, Run("evaluation", TONIGHT, settings))
    rows = " UNION ALL ".join(
        f"SELECT '{word}' AS visit_id, DATE'{day}' AS business_date" for day, word in DAYS.items()
    )
    lake.replace("gold.visit", spark.sql(rows), None)
    lake.publish()
    gate_row = {
        "run_id": "a",
        "stage": "evaluation",
        "table_name": "gold.visit",
        "suite": "x",
        "severity": "fail",
        "expectation": "x",
        "success": True,
    }
    days = (date(2025, 2, 2), date(2025, 2, 3), TONIGHT.last)  # 400 days back is 3 February
    delta_rs.append(settings, "ops.gate_result", [{**gate_row, "business_date": day} for day in days])
    return lake


def _seen(settings) -> set[str]:
    version = published.reader_version(settings, "gold.visit")
    return {row["visit_id"] for row in delta_rs.read(settings, "gold.visit", version=version).to_pylist()}


def test_old_rows_go_and_what_stays_is_published_at_once(spark, settings, visits):
    going = {(row["what"], row["going"]) for row in job.preview(settings, TONIGHT.last)}
    assert going == {("gold.visit", 1), ("ops.gate_result", 1)}
    assert _seen(settings) == set(DAYS.values())  # a preview changes nothing

    done = job.run(spark, settings, TONIGHT)

    assert {name: done[f"{name}_tables"] for name in ("expired", "compacted", "left")} == {
        "expired": 2,
        "compacted": 0,
        "left": 0,
    }
    noted = {
        row["thing"]: (row["kept_from"], row["removed_cnt"])
        for row in delta_rs.read(settings, expiry.EXPIRY).to_pylist()
    }
    assert noted == {"gold.visit": (date(2026, 2, 8), 1), "ops.gate_result": (date(2025, 2, 3), 1)}
    assert _seen(settings) == {"just kept", "tonight"}
    assert delta_rs.holds_version(settings, "gold.visit", published.published_versions(settings)["gold.visit"])
    assert delta_rs.read(settings, "ops.gate_result").num_rows == 2
    assert Lake(spark, settings, Run("evaluation", TONIGHT, settings)).restore_ahead(["gold.visit"]) == []
    mistyped = DateRange.of("2126-03-10")  # counts from the newest night all the same, so there is nothing more to do
    assert job.run(spark, settings, mistyped)["expired_tables"] == 0
    assert _seen(settings) == {"just kept", "tonight"}


def test_table_is_left_alone_given_its_stage_at_work_or_an_unpublished_write(spark, settings, visits, monkeypatch):
    with exclusive(settings, "evaluation"):
        monkeypatch.setattr("jobs.lakehouse.run._HELD", set())  # held by another process
        assert job.run(spark, settings, TONIGHT)["left_tables"] == 1

    night = Lake(spark, settings, Run("evaluation", TONIGHT, settings))
    night.replace("gold.visit", spark.sql("SELECT 'dead' AS visit_id, DATE'2026-03-10' AS business_date"), TONIGHT)
    assert job.run(spark, settings, TONIGHT)["left_tables"] == 1
    assert _seen(settings) == set(DAYS.values())


def test_rebuild_never_goes_back_behind_what_bronze_still_holds(settings):
    first, late = date(2025, 9, 1), date(2026, 3, 9)
    nights = [("first", first, 0), ("resend", late, 1)]
    rows = [{**FILE, "file_id": name, "load_date": loaded, "resend_no": resend} for name, loaded, resend in nights]
    delta_rs.append(settings, "ops.file_ledger", rows)
    assert as_of.dates_to_rebuild(settings, DateRange(late, late), "silver.payment").first == first

    expiry.note(settings, late, "bronze.cdr_voice", 3, date(2025, 9, 10), "a")
    expiry.note(settings, late, "bronze.payment", 3, date(2025, 9, 2), "a")
    expiry.note(settings, late, "gold.visit", 3, date(2026, 3, 1), "a")
    assert as_of.dates_to_rebuild(settings, DateRange(late, late), "silver.payment").first == date(2025, 9, 10)
    with pytest.raises(as_of.RowsExpired, match="bronze holds all rows from 2025-09-10 on"):
        as_of.dates_to_rebuild(settings, DateRange(first, late), "silver.payment")


def test_values_nobody_names_any_more_leave_the_vault(spark, settings, monkeypatch):
    rows = [
        {"token": token, "kind": kind, "value": f"v{token}", "first_load_date": TONIGHT.last}
        for token, kind in ((1, "MSISDN"), (2, "MSISDN"), (3, "NAME"), (4, "MSISDN"), (5, "IMEI"))
    ]
    delta_rs.append(settings, "vault.identity", rows)
    put(settings, "silver.customer", [a_row("silver.customer", customer_id="C1", cust_name_token=3)])
    put(settings, "gold.customer_360", [a_row("gold.customer_360", subscription_id="S1", msisdn=2)])
    delta_rs.append(
        settings, "bronze.cdr_voice", [a_row("bronze.cdr_voice", product_no_token=9, opposite_no_token=1, event_id=4)]
    )

    assert identities.remove_unnamed(spark, settings, "a") == 2  # 4 stands as an event's identity alone
    assert sorted(delta_rs.read(settings, "vault.identity")["token"].to_pylist()) == [1, 2, 3]


def test_disk_counts_a_file_to_the_night_that_wrote_it(settings):
    for night in (8, 9, 10):
        published.publish(settings, "tests", date(2026, 3, night), f"run-{night}", {"gold.visit": night})
        for place, size in (("exports/SMS", 100), ("lake/silver/x", 50)):
            path = settings.path(place, f"of-the-night-after-{night}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(size * night))
        settings.path("landing", "boss").mkdir(parents=True, exist_ok=True)
        settings.path("landing", "boss", f"S02090202603{night:02d}000000.AVL").write_bytes(bytes(1000 * night))

    assert list(disk.night_windows(settings)) == [date(2026, 3, 9), date(2026, 3, 10)]
    found = {row["part"]: row for row in disk.disk(settings)}
    assert (found["exports"]["files"], found["landing"]["files"]) == (3, 3)
    assert found["exports"]["megabytes_a_night"] == pytest.approx((800 + 900) / 2 / 1e6, abs=1e-3)
    assert found["exports"]["files_a_night"] == found["silver"]["files_a_night"] == 1
    assert found["landing"]["megabytes_a_night"] == pytest.approx((9000 + 10000) / 2 / 1e6, abs=1e-3)
    assert found["together"]["files"] == sum(row["files"] for part, row in found.items() if part != "together")
