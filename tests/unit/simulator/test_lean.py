"""A history in sums is the history in records, added up: same use by kind and day, same share of users, same heavy tails."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from conf.settings import load_settings
from conf.tables import table_of
from simulator import clock
from simulator.extract import MONEY
from simulator.lean import FOLDER, write_lean_history
from simulator.plant import Plant

TOWN, SUM_DAYS, RECORD_DAYS = 3_000, 40, 1
COMPARED_DAYS = 12
STANDARD_ERRORS = 4.5
CALLS, WROTE = pl.col("call_type"), pl.col("cdr_type")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    found = load_settings("local", tmp_path_factory.mktemp("lean"))
    simulator = found.simulator.model_copy(update={"subscriptions": TOWN})
    first = found.first_night - timedelta(days=RECORD_DAYS)
    return found.model_copy(update={"simulator": simulator, "history_first": first})


@pytest.fixture(scope="module")
def lean(settings):
    """Sums by table of the days before the last one."""
    write_lean_history(settings, SUM_DAYS + RECORD_DAYS)
    folder = settings.path(FOLDER)
    return {path.name: pl.read_parquet(path / "*.parquet") for path in folder.iterdir()}


@pytest.fixture(scope="module")
def full(settings):
    """Records of the same town's first days, added up as silver does: one row a number and day."""
    first = settings.history_first - timedelta(days=SUM_DAYS)
    operator = Plant(settings).start(first)
    days: list[pl.DataFrame] = []
    lives = []
    for back in range(COMPARED_DAYS):
        frames = dict(operator.play(clock.day_number(first) + back, first=back == 0))
        lives.append(int(operator.state.live.sum()))
        days.append(_summed(frames).with_columns(load_date=pl.lit(first + timedelta(days=back))))
    return pl.concat(days), lives


def _summed(frames):
    voice, sms, gprs, mms = (frames[name] for name in ("cdr_voice", "cdr_sms", "cdr_gprs", "mms_event"))
    seconds, service = pl.col("call_duration"), pl.col("opposite_no").str.len_chars() < 8
    parts = [
        voice.group_by("product_no").agg(
            voice_mo_cnt=(CALLS == "MO").sum(),
            voice_mt_cnt=(CALLS == "MT").sum(),
            forward_cnt=(CALLS == "FW").sum(),
            voice_mo_seconds=seconds.filter(CALLS == "MO").sum(),
            toll_seconds=seconds.filter(pl.col("toll_type") == 1).sum(),
            roam_seconds=seconds.filter(pl.col("roam_type") == 1).sum(),
            calls_to_competitor_cnt=((CALLS == "MO") & (pl.col("opp_operator") != "CMCC") & ~service).sum(),
            hotline_10086_cnt=(pl.col("opposite_no") == "10086").sum(),
            hotline_competitor_cnt=pl.col("opposite_no").is_in(["10010", "10000"]).sum(),
            voice_fee_fen=((pl.col("base_call_fee") + pl.col("toll_call_fee")).sum() + 5) // 10,
        ),
        sms.group_by("product_no").agg(
            sms_mo_cnt=(WROTE == "00").sum(),
            sms_mt_cnt=((WROTE == "01") & ~service).sum(),
            sms_sp_cnt=service.sum(),
        ),
        gprs.group_by("product_no").agg(
            gprs_sessions=pl.len(), data_volume_kb=(pl.col("up_bytes") + pl.col("down_bytes")).sum() // 1024
        ),
        mms.group_by("product_no").agg(
            mms_p2p_cnt=(pl.col("mms_business") == 1).sum(), mms_sp_cnt=(pl.col("mms_business") == 2).sum()
        ),
    ]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.join(part, on="product_no", how="full", coalesce=True)
    return joined.drop("product_no").fill_null(0).cast(pl.Int64)


def test_daily_use_by_kind_agrees_within_sampling_error(lean, full):
    records, lives = full
    sums = lean["usage_daily"].filter(pl.col("event_date") == pl.col("load_date"))
    sums = sums.filter(pl.col("load_date") <= records["load_date"].max())
    people = sum(lives)
    measures = [name for name in records.columns if name != "load_date"]
    assert len(measures) == 17
    for name in measures:
        ours, theirs = sums[name].cast(pl.Float64), records[name].cast(pl.Float64)
        spread = np.sqrt(((ours**2).sum() + (theirs**2).sum()) / people**2)  # of a mean over all people and days
        gap = abs(ours.sum() - theirs.sum()) / people
        assert theirs.sum() > 0, name
        # People differ and stay what they are, so days of one person count as little more than one.
        assert gap <= STANDARD_ERRORS * spread * np.sqrt(COMPARED_DAYS / 2), (name, gap, spread)


def test_share_of_users_and_the_tail_agree(lean, full):
    records, lives = full
    sums = lean["usage_daily"].filter(pl.col("load_date") <= records["load_date"].max())
    on_time = sums.filter(pl.col("event_date") == pl.col("load_date"))
    assert len(on_time) / sum(lives) == pytest.approx(len(records) / sum(lives), rel=0.02)
    for name in ("voice_mo_seconds", "data_volume_kb"):
        for share in (0.5, 0.9, 0.99):
            ours, theirs = (rows.filter(pl.col(name) > 0)[name].quantile(share) for rows in (on_time, records))
            assert ours == pytest.approx(theirs, rel=0.12), (name, share)
    late = len(sums) - len(on_time)
    assert 0 < late / len(sums) < 0.02, "some use is known a few days late, in rows of its own"


def test_rows_have_their_contracts_columns_and_keys(lean):
    made = {"usage_daily": 50_000, "vas_daily": 5_000, "payment": 1_000, "bill_month": 4_000}
    made |= {"contact_edge_month": 10_000, "call_area_month": 2_000}
    for name, least in made.items():
        table, rows = table_of(f"silver.{name}"), lean[name]
        wanted = set(table.column_names)
        if name == "contact_edge_month":  # only the pipeline has the other side's token
            wanted = wanted - {"other_token"} | {"other_number"}
        assert wanted <= set(rows.columns), name
        assert len(rows) >= least, (name, len(rows))
        key = [column if column in rows.columns else "other_number" for column in table.key]
        assert not rows.select(key).is_duplicated().any(), name
        required = [column.name for column in table.columns if not column.nullable and column.name in rows.columns]
        assert rows.select(pl.col(required).null_count()).sum_horizontal().item() == 0, name


def test_the_call_graph_is_the_calls_and_messages_of_its_month(lean):
    edges, use = lean["contact_edge_month"], lean["usage_daily"]
    assert sorted(edges["month_id"].unique()) == ["202601", "202602"]
    edges = edges.filter(pl.col("month_id") == "202602")
    of_month = use.filter(pl.col("load_date").dt.strftime("%Y%m") == "202602")
    messages = of_month["sms_mo_cnt"].sum() + of_month["sms_mt_cnt"].sum()
    assert edges["sms_cnt"].sum() == messages
    assert 0.9 < edges["call_cnt"].sum() / (of_month["voice_mo_cnt"].sum() + of_month["voice_mt_cnt"].sum()) < 1
    known = edges.filter(pl.col("other_subscription_id").is_not_null())
    back = known.join(
        known,
        left_on=["subscription_id", "other_subscription_id"],
        right_on=["other_subscription_id", "subscription_id"],
    )
    assert len(back) > 0.95 * len(known), "who called a line of ours was called by it, or wrote"
    assert (edges["gift_cnt"].sum(), edges["copy_cnt"].sum()) > (0, 0)


def test_payments_and_bills_are_those_of_the_town(lean):
    paid = lean["payment"]
    assert paid["payment_cnt"].sum() > 10 * paid["reversal_cnt"].sum() > 0
    bills = lean["bill_month"]
    items = [name for name in bills.columns if name.endswith("_fen") and name != "total_fen"]
    assert (bills["total_fen"] == bills.select(pl.sum_horizontal(items)).to_series()).all()
    assert bills["crbt_fen"].sum() > 0
    assert bills["discount_fen"].sum() < 0
    assert MONEY not in paid.columns


def test_the_last_days_lie_in_landing_and_a_second_call_changes_nothing(settings, lean):
    landing = settings.path("landing")
    assert len(list(landing.rglob("*"))) > 40
    assert not write_lean_history(settings, SUM_DAYS + RECORD_DAYS).files
    assert (settings.home / "simulator_state" / f"{settings.history.last}.npz").is_file()
