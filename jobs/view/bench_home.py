"""A home with records of use and nothing else, for `closedloop bench usage`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from conf.codes import load_source_codes
from conf.dates import DateRange
from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.places import table_place
from jobs.lakehouse.schema import arrow_schema

HELD = "silver.msisdn_assignment"
FOREVER = date(9999, 12, 31)
RECORDS_A_DAY = {"cdr_voice": 2.4, "cdr_sms": 2.4, "cdr_gprs": 1.7, "mms_event": 0.2}  # of a subscription
EVENT_TIME = {"cdr_voice": "start_time", "cdr_sms": "input_time", "cdr_gprs": "start_time", "mms_event": "send_time"}
CODES: dict[str, dict[str, list[str | None]]] = {
    "cdr_voice": {
        "call_type": ["MO", "MO", "MT", "MT", "FW"],
        "toll_type": ["0", "0", "1", None],
        "roam_type": ["0", "0", "0", "1"],
        "opp_operator": [*load_source_codes()["OPERATOR"], "CUCC", None],
        "opposite_no_class": ["NATIONAL_MOBILE", "FIXED"],
    },
    "cdr_sms": {"cdr_type": ["00", "01"], "opposite_no_class": ["NATIONAL_MOBILE", "NATIONAL_MOBILE", "SP_CODE", None]},
    "cdr_gprs": {},
    "mms_event": {"mms_business": ["1", "2"]},
}
NUMBERS = {
    "cdr_voice": {"call_duration": 600, "base_call_fee": 900, "toll_call_fee": 90},
    "cdr_sms": {"comm_fee": 100},
    "cdr_gprs": {"up_bytes": 100_000, "down_bytes": 2_000_000, "fee": 300},
    "mms_event": {"call_fee": 300},
}


def make_home(settings: Settings, subscriptions: int, dates: DateRange, seed: int = 7) -> None:
    """Records of use of these nights, about seven a subscription and night, and who holds the numbers.

    One number in a hundred changes hands in the middle; a quarter of a night's records is of the day before.
    """
    delta_rs.ensure_tables(settings)
    drawn = np.random.default_rng(seed)
    _write_holders(settings, subscriptions, dates)
    for day in dates:
        for feed, share in RECORDS_A_DAY.items():
            deliver(settings, feed, day, records(settings, drawn, feed, day, int(subscriptions * share), subscriptions))


def records(
    settings: Settings, drawn: np.random.Generator, feed: str, day: date, count: int, subscriptions: int
) -> dict[str, pa.Array]:
    """So many records of a feed in the columns that use is summed from."""
    numbers = pa.array(drawn.integers(0, subscriptions, count))
    start = datetime.combine(day, datetime.min.time(), ZoneInfo(settings.time_zone)).timestamp()
    seconds = start - 86_400 * (drawn.random(count) < 0.25) + drawn.integers(0, 86_400, count)
    columns: dict[str, pa.Array] = {
        "product_no_token": numbers,
        EVENT_TIME[feed]: pa.array((seconds * 1_000_000).astype(np.int64)).cast(pa.timestamp("us", tz="UTC")),
        "line_number": pa.array(np.arange(1, count + 1)),
    }
    for name, codes in CODES[feed].items():
        columns[name] = pa.array(codes).take(pa.array(drawn.integers(0, len(codes), count)))
    for name, bound in NUMBERS[feed].items():
        columns[name] = pa.array(drawn.integers(0, bound, count))
    if feed == "mms_event":
        columns["mm_seq"] = pa.array(np.arange(count)).cast(pa.string())
        columns["recv_addr_token"] = numbers
    elif feed != "cdr_gprs":
        columns["opposite_no_token"] = pa.array(drawn.integers(0, subscriptions, count))
    return columns


def deliver(
    settings: Settings,
    feed: str,
    loaded: date,
    columns: dict[str, pa.Array],
    about: date | None = None,
    resend_no: int = 0,
) -> None:
    """One file of a feed, picked up in the night of `loaded`; columns not given stay empty."""
    name, count = f"bronze.{feed}", len(columns["line_number"])
    file_id, made = f"{feed}-{about or loaded}-{resend_no}", datetime.combine(loaded, datetime.min.time())
    file = {"load_date": loaded, "data_date": about or loaded, "file_id": file_id, "resend_no": resend_no}
    same: dict[str, Any] = {**file, "loaded_at": made + timedelta(days=1)}
    arrays = [
        columns[field.name].cast(field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(same.get(field.name), field.type), count)
        for field in arrow_schema(table_of(name))
    ]
    delta_rs.append(settings, name, pa.Table.from_arrays(arrays, schema=arrow_schema(table_of(name))))
    delivered = {"rows_good": count, "status": "LANDED", "source": "bench", "file_name": file_id, "run_id": "bench"}
    delta_rs.append(settings, "ops.file_ledger", [{**file, **delivered, "feed": feed, "style": "dollar"}])


def _write_holders(settings: Settings, subscriptions: int, dates: DateRange) -> None:
    began, changed = date(2020, 1, 1), dates.first + timedelta(days=dates.days // 2)
    rows = [(n, f"S{n:09d}", began, FOREVER, dates.first, FOREVER) for n in range(subscriptions)]
    for n in range(0, subscriptions, 100):
        rows.append((n, f"S{n:09d}", began, changed, changed, FOREVER))
        rows.append((n, f"T{n:09d}", changed, FOREVER, changed, FOREVER))
    schema = arrow_schema(table_of(HELD))
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    write_deltalake(
        table_place(settings, HELD).for_delta_rs, pa.Table.from_arrays(columns, schema=schema), mode="append"
    )
    published.publish(settings, "ingest", dates.last, "bench", {HELD: delta_rs.head_version(settings, HELD)})
