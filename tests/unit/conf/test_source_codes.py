"""Code lists say what the contracts of the view promise, word for word."""

from __future__ import annotations

import re

import pytest

from conf.codes import UNKNOWN, load_source_codes
from conf.feeds import load_feeds
from conf.tables import SQL, load_tables

CODED = {  # list -> columns that carry its words
    "GENDER": ["gold.customer_360.gender_code", "silver.customer.gender_code"],
    "ID_TYPE": ["gold.customer_360.id_type_code", "silver.customer.id_type_code"],
    "VIP_TIER": ["gold.customer_360.vip_tier", "silver.customer.vip_tier"],
    "CUSTOMER_CLASS": ["gold.customer_360.customer_class", "silver.customer.customer_class"],
    "SUSPENSION_TYPE": ["gold.customer_360.suspension_type", "silver.subscription_status.suspension_type"],
    "ENTRY_CHANNEL": [
        "gold.customer_360.acquisition_channel_code",
        "silver.subscription.acquisition_channel_code",
        "silver.customer.channel_id",
    ],
    "PAYMENT_MODE": ["gold.customer_360.payment_mode", "silver.subscription.payment_mode"],
    "BRAND": ["gold.customer_360.brand_code", "silver.subscription.brand_code"],
    "LINE_USE": ["gold.customer_360.line_use_type", "silver.subscription.line_use_type"],
    "PRODUCT_STATE": ["silver.product_subscription.state"],
}
COMPARED = {  # list -> feed and field whose codes queries count by it
    "OPERATOR": ("cdr_voice", "opp_operator"),
    "SERVICE_PREFIX": ("mms_event", "svc_code"),
    "BILL_ITEM": ("bill_summary", "item_group"),
    "MISC_ORDER": ("misc_order", "opr_code"),
}
_WORD_COMPARED = re.compile(r"word_of\('(\w+)'[^=<>]*?\)\s*(?:=|<>|IN\s*\()\s*('[^']*'(?:\s*,\s*'[^']*')*)")


def test_every_list_is_carried_by_a_column_or_counted_by():
    assert {*CODED, *COMPARED} == set(load_source_codes())


@pytest.mark.parametrize("name", COMPARED)
def test_queries_compare_with_words_of_the_list_and_the_feed_may_send_its_codes(name):
    texts = [path.read_text(encoding="utf-8") for path in SQL.glob("*/*.sql")]
    compared = [match[2] for text in texts for match in _WORD_COMPARED.finditer(text) if match[1] == name]
    words = {word for values in compared for word in re.findall(r"'([^']*)'", values)}
    assert words == set(load_source_codes()[name].values())

    feed, field = COMPARED[name]
    (allowed,) = [each.allowed for each in load_feeds()[feed].fields if each.name == field]
    assert not allowed or set(load_source_codes()[name]) <= set(allowed)


def test_every_item_of_a_bill_has_a_word():
    (allowed,) = [field.allowed for field in load_feeds()["bill_summary"].fields if field.name == "item_group"]
    assert set(load_source_codes()["BILL_ITEM"]) == set(allowed)


def test_queries_name_lists_that_are_there():
    texts = [path.read_text(encoding="utf-8") for path in SQL.glob("*/*.sql")]
    named = {name for text in texts for name in re.findall(r"word_of\('(\w+)'", text)}
    assert named == set(load_source_codes())


@pytest.mark.parametrize("name", CODED)
def test_contracts_hold_the_words_of_the_list(name):
    words = set(load_source_codes()[name].values())
    for place in CODED[name]:
        table, column = place.rsplit(".", 1)
        assert set(load_tables()[table].column(column).values) - {UNKNOWN} == words, place


@pytest.mark.parametrize(
    "name", ["GENDER", "ID_TYPE", "VIP_TIER", "CUSTOMER_CLASS", "SUSPENSION_TYPE", "ENTRY_CHANNEL"]
)
def test_codes_outside_a_list_are_counted_by_the_suite(name):
    from expectations.suites import load_suites

    silver = next(place for place in CODED[name] if place.startswith("silver."))
    table, column = silver.rsplit(".", 1)
    counted = [rule for rule in load_suites()[table].rules if rule.column == column and rule.values == (UNKNOWN,)]
    assert [rule.metric for rule in counted] == ["share"]
