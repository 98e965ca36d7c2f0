"""The customer view's heavy subjects as a person would write them for DuckDB, to hold the Spark job against (`closedloop bench view`)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from conf.products import product_owned_by
from conf.segments import load_judgements
from conf.view import load_view_rules
from jobs.view.snapshot import Snapshot, months_before

if TYPE_CHECKING:
    import duckdb

TABLES = (
    "silver.balance",
    "silver.bill_month",
    "silver.contact_edge_month",
    "silver.crbt_subscription",
    "silver.payment",
    "silver.product_offering",
    "silver.product_subscription",
    "silver.subscription",
    "silver.subscription_status",
    "silver.usage_daily",
    "silver.vas_daily",
)
# Last values: as silver has them, so the same words come out. `source` is the newest record of each key.
_LAST = """
CREATE OR REPLACE TEMP TABLE {name} AS
SELECT * EXCLUDE (nth) FROM (
  SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {order}) AS nth
  FROM {table} WHERE load_date <= DATE '{day}' AND superseded_on > DATE '{day}') WHERE nth = 1
"""
_LINES = """
CREATE OR REPLACE TEMP TABLE lines AS
WITH joined AS (
  SELECT s.* EXCLUDE (dq_flag, load_date, data_date, superseded_on), t.subscription_status, t.status_time, t.is_off_network,
    NOT coalesce(t.is_off_network, TRUE) AND t.subscription_status <> 'INVALID' AS reported_live
  FROM profiles s LEFT JOIN statuses t USING (subscription_id)),
placed AS (
  SELECT *, coalesce(reported_live AND msisdn_class = 'NATIONAL_MOBILE', FALSE) AND row_number() OVER (
    PARTITION BY msisdn_token, reported_live AND msisdn_class = 'NATIONAL_MOBILE'
    ORDER BY activation_date DESC NULLS LAST, subscription_id DESC) > 1 AS is_doubled FROM joined)
SELECT * EXCLUDE (subscription_status),
  CASE WHEN is_doubled THEN 'TERMINATED' ELSE subscription_status END AS subscription_status,
  coalesce(reported_live, FALSE) AND NOT is_doubled AS is_live,
  CASE WHEN NOT (coalesce(reported_live, FALSE) AND NOT is_doubled) THEN CAST(status_time AS DATE) END AS left_on
FROM placed WHERE coalesce(activation_date, DATE '{day}') <= DATE '{day}'
"""
_USAGE = """
CREATE OR REPLACE TEMP TABLE usage AS
WITH summed AS (
  SELECT subscription_id, {sums},
    coalesce(sum(voice_mo_seconds + voice_mt_seconds) FILTER (WHERE event_date > DATE '{day}' - {recent}), 0) AS seconds_recent,
    sum(voice_mo_seconds + voice_mt_seconds) AS seconds_window,
    count(DISTINCT event_date) FILTER (WHERE event_date > DATE '{day}' - {recent}) AS active_days_30d,
    max(event_date) AS last_use_date
  FROM silver.usage_daily
  WHERE load_date BETWEEN DATE '{day}' - {window} + 1 AND DATE '{day}' AND superseded_on > DATE '{day}'
    AND event_date BETWEEN DATE '{day}' - {window} + 1 AND DATE '{day}'
  GROUP BY subscription_id),
lived AS (
  SELECT s.*, coalesce(greatest(0, least({window} - {recent}, date_diff('day', l.activation_date, DATE '{day}') + 1 - {recent})),
    {window} - {recent}) AS earlier FROM summed s LEFT JOIN lines l USING (subscription_id))
SELECT * EXCLUDE (seconds_recent, seconds_window, last_use_date, earlier),
  seconds_recent / 60.0 AS mou_minutes_30d,
  CASE WHEN earlier >= {trend_from} AND seconds_window > seconds_recent
    THEN round(seconds_recent / ((seconds_window - seconds_recent) / greatest(earlier, 1)::DOUBLE * {recent}) - 1, 6) END AS mou_trend,
  CASE WHEN earlier >= {trend_from} AND voice_mo_cnt_90d > voice_mo_cnt_30d THEN round(voice_mo_cnt_30d
    / ((voice_mo_cnt_90d - voice_mo_cnt_30d) / greatest(earlier, 1)::DOUBLE * {recent}) - 1, 6) END AS voice_mo_trend,
  mms_p2p_cnt_90d > 0 AS is_mms_user, date_diff('day', last_use_date, DATE '{day}') AS days_since_last_use
FROM lived
"""
_BILLS = """
CREATE OR REPLACE TEMP TABLE bills AS
WITH monthly AS (
  SELECT subscription_id, month_id, {items}, sum({metered}) AS metered_fen FROM silver.bill_month
  WHERE load_date BETWEEN DATE '{bills_since}' AND DATE '{day}' AND superseded_on > DATE '{day}' GROUP BY ALL),
recent AS (
  SELECT m.*, row_number() OVER (PARTITION BY m.subscription_id ORDER BY month_id DESC) AS place,
    coalesce(month_id > strftime(l.activation_date - 1, '%Y%m'), TRUE) AS whole
  FROM monthly m LEFT JOIN lines l USING (subscription_id) QUALIFY place <= {bill_months}),
ends AS (SELECT *, CASE WHEN whole THEN place END AS nth FROM recent)
SELECT subscription_id, max(total_fen) FILTER (WHERE place = 1) AS arpu_fen, CAST(round(avg(total_fen)) AS BIGINT) AS arpu_3m_fen,
  sum({fees}) AS vas_fee_3m_fen, {trends},
  CASE WHEN sum(total_fen - discount_fen) > 0
    THEN least(1.0, greatest(0.0, -sum(discount_fen)::DOUBLE / sum(total_fen - discount_fen))) END AS discount_share_3m
FROM ends GROUP BY subscription_id
"""
_TREND = """CASE WHEN max(nth) > min(nth) AND avg({item}) FILTER (WHERE whole) > 0 THEN
  (arg_min({item}, nth) - arg_max({item}, nth)) / (max(nth) - min(nth))::DOUBLE / avg({item}) FILTER (WHERE whole) END AS {name}"""
_PAYMENTS = """
CREATE OR REPLACE TEMP TABLE payments AS
SELECT subscription_id, sum(payment_cnt) AS topup_cnt_90d, sum(amount_fen) AS payment_fen_90d,
  date_diff('day', max(pay_date) FILTER (WHERE payment_cnt > 0), DATE '{day}') AS days_since_last_payment
FROM silver.payment WHERE load_date BETWEEN DATE '{day}' - {paid} + 1 AND DATE '{day}' AND superseded_on > DATE '{day}'
  AND pay_date BETWEEN DATE '{day}' - {paid} + 1 AND DATE '{day}' GROUP BY subscription_id
"""
_BALANCES = """
CREATE OR REPLACE TEMP TABLE balances AS
WITH known AS (SELECT * FROM silver.balance
  WHERE load_date BETWEEN DATE '{day}' - {daily} + 1 AND DATE '{day}' AND superseded_on > DATE '{day}')
SELECT subscription_id, balance_fen, owe_fen AS arrears_fen FROM known WHERE data_date = (SELECT max(data_date) FROM known)
"""
_TONES = """
CREATE OR REPLACE TEMP TABLE tones AS
WITH now AS (
  SELECT subscription_id, arg_max(k, (k.data_date, k.open_date, k.load_date, k.msisdn_token)) AS k FROM silver.crbt_subscription k
  WHERE load_date <= DATE '{day}' AND superseded_on > DATE '{day}' AND subscription_id IS NOT NULL AND open_date <= DATE '{day}'
  GROUP BY subscription_id),
known AS (SELECT subscription_id, k.*, k.close_date IS NULL OR k.close_date > DATE '{day}' AS has_crbt FROM now)
SELECT subscription_id, has_crbt, open_date AS crbt_open_date, CASE WHEN NOT has_crbt THEN close_date END AS crbt_close_date,
  CASE WHEN NOT has_crbt THEN close_reason END AS crbt_close_reason,
  CASE WHEN has_crbt THEN date_diff('day', open_date, DATE '{day}') END AS crbt_tenure_days, trial_end_date AS crbt_trial_end_date,
  acquire_channel AS crbt_acquire_channel, has_crbt AND coalesce(music_box_flag, FALSE) AS crbt_music_box_flag FROM known
"""
_OWNED = """
CREATE OR REPLACE TEMP TABLE products AS
WITH states AS (
  SELECT subscription_id, product_id, arg_max(p, (p.data_date, p.load_date, p.valid_date)) AS now, min(valid_date) AS adopted_on
  FROM silver.product_subscription p WHERE load_date <= DATE '{day}' AND superseded_on > DATE '{day}' GROUP BY ALL)
SELECT subscription_id, product_id, adopted_on, now.valid_date AS valid_date, now.state = 'ACTIVE' AND now.valid_date <= DATE '{day}'
  AND coalesce(now.expire_date, DATE '{day}') >= DATE '{day}' AS is_active
FROM states LEFT JOIN offerings USING (product_id) WHERE coalesce(product_type, 'VAS') = 'VAS' AND adopted_on <= DATE '{day}';
CREATE OR REPLACE TEMP TABLE owned AS
SELECT subscription_id, list_sort(list(DISTINCT product_id) FILTER (WHERE is_active)) AS codes,
  coalesce(bool_or(product_id = '{paper}' AND is_active), FALSE) AS has_newspaper,
  max(valid_date) FILTER (WHERE product_id = '{paper}' AND is_active) AS newspaper_open_date
FROM products GROUP BY subscription_id
"""
_SERVICES = """
CREATE OR REPLACE TEMP TABLE services AS
WITH used AS (
  SELECT subscription_id,
    coalesce(sum(crbt_download_cnt) FILTER (WHERE event_date >= DATE '{tones_since}'), 0) AS crbt_downloads_2m,
    coalesce(sum(crbt_paid_download_cnt) FILTER (WHERE event_date >= DATE '{tones_since}'), 0) AS crbt_paid_downloads_2m,
    coalesce(sum(crbt_paid_download_cnt) FILTER (WHERE event_date > DATE '{day}' - {served}), 0) AS crbt_paid_tones_90d,
    coalesce(sum(newspaper_issue_cnt) FILTER (WHERE event_date > DATE '{day}' - {papers}), 0) AS newspaper_issues_30d,
    coalesce(sum(misc_subscribe_cnt + misc_unsubscribe_cnt) FILTER (WHERE event_date > DATE '{day}' - {served}), 0) AS misc_orders_90d,
    coalesce(sum({qualifying} + misc_subscribe_cnt + misc_unsubscribe_cnt)
      FILTER (WHERE event_date > DATE '{day}' - {served}), 0) AS service_events_90d,
    max(event_date) FILTER (WHERE {qualifying} > 0) AS last_event
  FROM silver.vas_daily WHERE load_date BETWEEN DATE '{day}' - {events} + 1 AND DATE '{day}' AND superseded_on > DATE '{day}'
    AND event_date BETWEEN DATE '{day}' - {events} + 1 AND DATE '{day}' GROUP BY subscription_id),
boxes AS (SELECT subscription_id, max(valid_date) AS box FROM products
  WHERE product_id = '{box}' AND valid_date BETWEEN DATE '{day}' - {events} + 1 AND DATE '{day}' GROUP BY subscription_id)
SELECT * EXCLUDE (last_event, box), greatest(last_event, box) AS crbt_last_event_date,
  date_diff('day', greatest(last_event, box), DATE '{day}') AS crbt_days_since_event FROM used FULL JOIN boxes USING (subscription_id)
"""
_CIRCLE = """
CREATE OR REPLACE TEMP TABLE circle AS
WITH pairs AS (
  SELECT subscription_id, other_token, arg_max(other_subscription_id, month_id) AS other_id, sum(contact_cnt) AS contacts
  FROM silver.contact_edge_month WHERE load_date <= DATE '{day}' AND superseded_on > DATE '{day}' AND month_id IN ({months})
  GROUP BY ALL),
placed AS (SELECT *, row_number() OVER (PARTITION BY subscription_id ORDER BY contacts DESC, other_token) AS place FROM pairs),
known AS (
  SELECT p.*, contacts >= {least} AS near, contacts >= {least} AND other_id IS NOT NULL AS inside,
    contacts >= {least} AND place <= {most} AS top, t.has_crbt AS crbt, o.has_newspaper AS paper, l.left_on
  FROM placed p LEFT JOIN lines l ON l.subscription_id = p.other_id
  LEFT JOIN tones t ON t.subscription_id = l.subscription_id LEFT JOIN owned o ON o.subscription_id = l.subscription_id)
SELECT subscription_id, count_if(near) AS partner_cnt_3m,
  count_if(inside)::DOUBLE / nullif(count_if(near), 0) AS in_network_partner_share,
  count_if(top AND inside)::DOUBLE / nullif(count_if(top), 0) AS in_network_top10_share,
  count_if(inside AND crbt) AS partners_with_crbt_cnt,
  coalesce(sum(contacts) FILTER (WHERE inside AND crbt), 0)::DOUBLE / sum(contacts) FILTER (WHERE near) AS crbt_contact_share,
  count_if(inside AND paper) AS partners_with_newspaper_cnt,
  count_if(inside AND left_on BETWEEN DATE '{day}' - {left} + 1 AND DATE '{day}') AS partners_churned_90d_cnt
FROM known GROUP BY subscription_id
"""
# Columns of gold.customer_360 that the script makes too, by the subject they come from.
LAST_VALUES = [
    "subscription_id",
    "customer_id",
    "county_code",
    "plan_id",
    "brand_code",
    "city_code",
    "user_type",
    "payment_mode",
    "activation_date",
    "is_live",
    "subscription_status",
]

_ROWS = """
CREATE OR REPLACE TEMP TABLE peer AS
SELECT {last_values}, {usage}, bills.* EXCLUDE (subscription_id), coalesce(topup_cnt_90d, 0) AS topup_cnt_90d,
  coalesce(payment_fen_90d, 0) AS payment_fen_90d, days_since_last_payment, balance_fen, arrears_fen,
  coalesce(has_crbt, FALSE) AS has_crbt, coalesce(crbt_music_box_flag, FALSE) AS crbt_music_box_flag,
  crbt_open_date, crbt_close_date, crbt_close_reason, crbt_tenure_days, crbt_trial_end_date, crbt_acquire_channel,
  coalesce(has_newspaper, FALSE) AS has_newspaper, newspaper_open_date, {services}, crbt_last_event_date, crbt_days_since_event,
  {circle}, in_network_partner_share, in_network_top10_share, crbt_contact_share
FROM lines l LEFT JOIN usage USING (subscription_id) LEFT JOIN bills USING (subscription_id) LEFT JOIN payments USING (subscription_id)
LEFT JOIN balances USING (subscription_id) LEFT JOIN tones USING (subscription_id) LEFT JOIN owned USING (subscription_id)
LEFT JOIN services USING (subscription_id) LEFT JOIN circle USING (subscription_id)
"""
_COUNTED_SERVICES = [
    "crbt_downloads_2m",
    "crbt_paid_downloads_2m",
    "crbt_paid_tones_90d",
    "newspaper_issues_30d",
    "misc_orders_90d",
]
_COUNTED_CIRCLE = [
    "partner_cnt_3m",
    "partners_with_crbt_cnt",
    "partners_with_newspaper_cnt",
    "partners_churned_90d_cnt",
]


def make_peer(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    """Make table `peer` of one snapshot date from views of the silver tables; its columns are named as the view's."""
    values = _values(day)
    for table, name, key, order in (
        ("silver.subscription", "profiles", "subscription_id", "data_date DESC, load_date DESC"),
        ("silver.subscription_status", "statuses", "subscription_id", "data_date DESC, load_date DESC"),
        ("silver.product_offering", "offerings", "product_id", "data_date DESC, load_date DESC"),
    ):
        connection.execute(_LAST.format(table=table, name=name, key=key, order=order, day=day))
    for text in (_LINES, _USAGE, _BILLS, _PAYMENTS, _BALANCES, _TONES, _OWNED, _SERVICES, _CIRCLE, _ROWS):
        connection.execute(text.format(**values))


def _values(day: date) -> dict[str, object]:
    rules, judgements, snap = load_view_rules(), load_judgements(), Snapshot(None, day)  # type: ignore[arg-type]
    windows, bills = rules.windows, rules.bills
    sums = rules.usage.sums
    items = dict.fromkeys(("total_fen", "local_fen", "discount_fen", *bills.services))
    counted = [*sums, "active_days_30d", "mou_minutes_30d"]
    trends = {"arpu_slope_3m": "total_fen", "local_fee_trend_3m": "local_fen", "metered_fee_trend_3m": "metered_fen"}
    return {
        "day": day,
        "sums": ", ".join(
            f"coalesce(sum({each.measure}) FILTER (WHERE event_date > DATE '{day}' - {each.days}), 0) AS {name}"
            for name, each in sums.items()
        ),
        "recent": windows.recent_usage.days,
        "window": windows.usage.days,
        "trend_from": judgements.usage.trend_min_earlier_days,
        "items": ", ".join(f"sum({item}) AS {item}" for item in items),
        "metered": " + ".join(bills.metered),
        "fees": " + ".join(bills.services),
        "services": ", ".join(f"coalesce({name}, 0) AS {name}" for name in _COUNTED_SERVICES),
        "trends": ", ".join(_TREND.format(item=item, name=name) for name, item in trends.items()),
        "bills_since": snap.since_months(windows.bills.months + 2),
        "bill_months": windows.bills.months,
        "paid": windows.payments.days,
        "daily": windows.daily_snapshot.days,
        "paper": product_owned_by("has_newspaper"),
        "box": product_owned_by("crbt_music_box_flag"),
        "tones_since": months_before(day, windows.tone_downloads.months),
        "served": windows.services.days,
        "papers": windows.newspaper.days,
        "events": windows.tone_events.days,
        "qualifying": "(" + " + ".join(rules.uses[rules.silence_ends_with].measures) + ")",
        "months": ", ".join(f"'{month}'" for month in snap.closed_months(judgements.circle.months)),
        "least": judgements.circle.min_contacts,
        "most": judgements.circle.most_contacted,
        "left": windows.partners_left.days,
        "last_values": ", ".join(f"l.{name}" for name in LAST_VALUES),
        "usage": ", ".join(
            [
                *(f"coalesce({name}, 0) AS {name}" for name in counted),
                "coalesce(is_mms_user, FALSE) AS is_mms_user",
                "mou_trend, voice_mo_trend, days_since_last_use",
            ]
        ),
        "circle": ", ".join(f"coalesce({name}, 0) AS {name}" for name in _COUNTED_CIRCLE),
    }
