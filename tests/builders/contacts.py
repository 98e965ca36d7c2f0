"""Rows of silver and gold for tests of responses and evaluation: what matters is given, the rest has a quiet default."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from conf.settings import Settings
from conf.tables import table_of
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.places import table_place
from jobs.lakehouse.schema import arrow_schema
from jobs.rules.exclusion_reasons import Reason

NEVER = date(9999, 12, 31)
DEFAULTS: dict[str, dict[str, Any]] = {
    "silver.campaign_execution": {
        "campaign_id": "HIST_CRBT_2025Q4",
        "task_id": "T1",
        "wave_no": 1,
        "channel_code": "SMS",
        "product_id": "CRBT",
        "offer_id": "O1",
        "is_control": False,
        "is_model_selected": True,
    },
    "silver.channel_result": {
        "campaign_id": "HIST_CRBT_2025Q4",
        "channel_code": "SMS",
        "reach_code": "DELIVERED",
        "nth_row": 1,
    },
    "silver.product_order": {"product_id": "CRBT", "action": "ADD", "channel_id": "STORE"},
    "silver.list_member": {
        "msisdn_token": 1,
        "list_code": "L1",
        "list_colour": "BLACK",
        "scope_type": "SYSTEM",
        "scope_value": "",
        "reason_code": "",
        "added_at": datetime(2025, 9, 1),
    },
    "silver.complaint": {"category": "BILLING", "is_escalated": False, "status": "CLOSED"},
    "silver.customer": {"is_company_registered": False, "is_sensitive": False},
    "silver.subscription": {"brand_code": "MZONE"},
    "silver.product_subscription": {"product_id": "CRBT", "sp_code": "", "service_code": "", "state": "ACTIVE"},
    "silver.vas_daily": {
        "crbt_download_cnt": 0,
        "crbt_gift_cnt": 0,
        "crbt_copy_cnt": 0,
        "crbt_set_cnt": 0,
        "crbt_music_box_cnt": 0,
        "newspaper_issue_cnt": 0,
    },
    "silver.usage_daily": {"data_volume_kb": 0, "mms_p2p_cnt": 0, "mms_sp_cnt": 0},
    "gold.campaign_contact": {
        "campaign_id": "CRBT_ACQUISITION",
        "task_id": "CRBT_ACQUISITION_SMS",
        "wave_no": 1,
        "product_id": "CRBT",
        "offer_id": "O1",
        "channel_code": "SMS",
        "channel_class": "BROADCAST",
        "contact_class": "BROADCAST",
        "script_id": "S",
        "expected_value_yuan": 1.0,
        "score": 0.1,
        "is_model_selected": True,
        "file_name": "f",
        "line_number": 1,
    },
    "gold.control_group": {"campaign_id": "CRBT_ACQUISITION", "control_kind": "CAMPAIGN", "is_model_selected": True},
    "gold.campaign_decision": {
        "campaign_id": "CRBT_ACQUISITION",
        "verdict": "EXCLUDED",
        "all_reasons": 0,
        "channel_verdicts": 0,
        "wave_no": 1,
        "score": 0.1,
        "is_model_selected": True,
        "campaign_version": "v",
        "policy_version": "p",
    },
}


def put(settings: Settings, **rows_by_table: list[dict]) -> None:
    """Write and publish rows; `silver__channel_result=[...]` names the table. Nothing to wait for: no Spark, no JVM."""
    delta_rs.ensure_tables(settings)
    versions = {}
    for short, rows in rows_by_table.items():
        name = short.replace("__", ".", 1)
        schema = arrow_schema(table_of(name))
        data = pa.Table.from_pylist([_filled(name, schema.names, row) for row in rows], schema=schema)
        path = table_place(settings, name).for_delta_rs
        write_deltalake(path, data, mode="append")
        versions[name] = delta_rs.head_version(settings, name)
    published.publish(settings, "tests", date(2026, 3, 10), "tests", versions)


def _decided(row: dict) -> dict:
    """The reasons of a decision as the log has them: what is not said follows from the verdict and the first reason."""
    first = row.get("first_reason") or ("CONTROL_GROUP" if row["verdict"] == "CONTROL" else None)
    return {**row, "first_reason": first, "all_reasons": row["all_reasons"] or (Reason[first].mask if first else 0)}


def _filled(name: str, columns: list[str], given: dict) -> dict:
    row = {**DEFAULTS.get(name, {}), **given}
    if name == "gold.campaign_decision":
        row = _decided(row)
    if "superseded_on" in columns:
        row.setdefault("superseded_on", NEVER)
    if "data_date" in columns:
        row.setdefault("data_date", row["load_date"])
    return {column: row.get(column) for column in columns}
