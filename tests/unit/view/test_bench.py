"""What the bench compares is the same rows: by the product's query on Spark and by DuckDB."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from conf.dates import DateRange
from jobs.lakehouse import delta_rs
from jobs.view.bench import FEEDS, bench_usage
from jobs.view.bench_home import deliver, make_home, records

DATES = DateRange.of("2026-03-05", "2026-03-08")
FIRST, LAST = DATES.first, DATES.last


def test_both_find_the_same_rows(spark, settings):
    make_home(settings, 300, DATES)
    drawn = np.random.default_rng(1)
    for feed in FEEDS:  # a file of the first day is sent again on the last one
        deliver(settings, feed, LAST, records(settings, drawn, feed, FIRST, 40, 300), about=FIRST, resend_no=1)
    sent_twice = records(settings, drawn, "mms_event", LAST, 40, 300)
    sent_twice["mm_seq"] = pa.array(np.arange(40) % 7).cast(pa.string())  # lines of one key: the last counts
    sent_twice["recv_addr_token"] = pa.array(np.zeros(40, np.int64))
    deliver(settings, "mms_event", LAST, sent_twice, about=date(2026, 3, 1))
    copy = {"feed": "cdr_sms", "file_id": f"cdr_sms-{LAST}-0", "line_number": 1, "load_date": LAST}
    delta_rs.append(
        settings, "ops.duplicate_row", [{**copy, "earlier_data_date": date(2026, 3, 7), "earlier_resend_no": 0}]
    )

    found = bench_usage(spark, settings, DATES, runs=1)

    assert (found["only_spark"], found["only_duckdb"]) == (0, 0)
    assert found["rows"] > 1500
    assert found["records"] > 7000
    assert found["spark_cpu_seconds"] > 0
