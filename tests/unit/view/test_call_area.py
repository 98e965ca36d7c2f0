"""The home area is where the calls were made, not where the number is registered (field 19)."""

from __future__ import annotations

from datetime import date

from conf.tables import query_text
from jobs.lakehouse.sqltext import bind_parameters, substitute_tables

FOREVER = date(9999, 12, 31)
CLOSED = date(2026, 3, 2)
CALLS = "product_no_token long, city_id string, roam_locn string, start_time string, load_date date, superseded_on date"
HELD = "msisdn_token long, subscription_id string, valid_from date, valid_to date, load_date date, superseded_on date"


def test_calls_count_for_the_area_they_were_made_in(spark):
    day = date(2026, 2, 10)
    areas = ["595", "595", None]  # two calls from another city; of the third the place is not known
    calls = [(100, "591", area, "2026-02-10 10:00:00", day, FOREVER) for area in areas]
    spark.createDataFrame(calls, CALLS).selectExpr(
        "* EXCEPT (start_time)", "CAST(start_time AS TIMESTAMP) AS start_time"
    ).createOrReplaceTempView("month_cdr_voice")
    held = [(100, "ANNA", date(2020, 1, 1), FOREVER, day, FOREVER)]
    spark.createDataFrame(held, HELD).createOrReplaceTempView("assignment")
    holders = substitute_tables(query_text("work.msisdn_holder"), lambda _: "assignment")
    spark.sql(holders).createOrReplaceTempView("holders")

    text = substitute_tables(query_text("silver.call_area_month"), lambda _: "holders")
    rows = spark.sql(bind_parameters(text, {"first_date": CLOSED, "last_date": CLOSED})).collect()

    assert {row["area_code"]: row["call_cnt"] for row in rows} == {"595": 2, "591": 1}
