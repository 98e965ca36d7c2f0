"""Delivers hand-made records: bronze rows with the standard columns and the file's row in the ledger, as ingest would."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from conf.feeds import load_feeds
from conf.settings import Settings
from jobs.lakehouse import delta_rs

MOBILE = "NATIONAL_MOBILE"


def deliver(
    settings: Settings,
    feed: str,
    load_date: str,
    rows: list[dict[str, Any]],
    data_date: str | None = None,
    resend_no: int = 0,
) -> None:
    """One file of a feed, picked up in the night of `load_date`; columns not given stay empty, numbers are mobiles."""
    loaded, about = date.fromisoformat(load_date), date.fromisoformat(data_date or load_date)
    file_id = f"{feed}-{about}-{resend_no}-{load_date}"
    classes = {f"{field.name}_class": MOBILE for field in load_feeds()[feed].fields if field.type == "msisdn"}
    standard = {
        "load_date": loaded,
        "data_date": about,
        "file_id": file_id,
        "resend_no": resend_no,
        "is_full_snapshot": False,
        "loaded_at": datetime.combine(loaded + timedelta(days=1), datetime.min.time()) + timedelta(hours=2, minutes=55),
    }
    used = [
        {**_classes(row, classes), **row, **standard, "line_number": line} for line, row in enumerate(rows, start=1)
    ]
    delta_rs.append(settings, f"bronze.{feed}", used)
    delta_rs.append(
        settings,
        "ops.file_ledger",
        [
            {
                "file_id": file_id,
                "feed": feed,
                "source": "test",
                "file_name": file_id,
                "style": "dollar",
                "data_date": about,
                "load_date": loaded,
                "resend_no": resend_no,
                "rows_good": len(rows),
                "status": "LANDED",
                "run_id": "test",
            }
        ],
    )


def _classes(row: dict[str, Any], classes: dict[str, str]) -> dict[str, str]:
    """Class MOBILE for every number the row gives."""
    return {name: kind for name, kind in classes.items() if row.get(name.replace("_class", "_token")) is not None}


def a_subscription(user_id: str, number: int, **changed: Any) -> dict[str, Any]:
    """Profile of a prepaid Easyown customer, activated in 2020."""
    row = {
        "user_id": user_id,
        "cust_id": f"C-{user_id}",
        "user_type": "1",
        "create_date": date(2020, 1, 1),
        "product_no_token": number,
        "city_code": "591",
        "county_code": "59101",
        "pay_type": "2",
        "brand_id": "2",
        "plan_id": "PLAN_EASYOWN_1",
        "acct_id": f"A-{user_id}",
        "line_use_type": "3",
        "is_vpn_member": False,
        "sim_code": False,
    }
    return {**row, **changed}


def a_status(user_id: str, code: str = "1010", since: str = "2020-01-01") -> dict[str, Any]:
    """Status of a subscription."""
    return {"user_id": user_id, "status_code": code, "status_time": datetime.fromisoformat(since)}


def a_call(number: int, day: str, other: int = 900, seconds: int = 60, **changed: Any) -> dict[str, Any]:
    """An outgoing call within the network, base fee 12 li."""
    row = {
        "product_no_token": number,
        "opposite_no_token": other,
        "start_time": datetime.fromisoformat(f"{day} 10:00:00"),
        "call_duration": seconds,
        "call_type": "MO",
        "opp_operator": "CMCC",
        "base_call_fee": 12,
        "city_id": "591",
    }
    return {**row, **changed}
