"""What queries count is what the data says: uses of a day, our own network, items of a bill, orders."""

from __future__ import annotations

import pytest

from conf.view import COUNTABLE, USAGE, VAS
from jobs.rules.uses import FUNCTIONS, register_uses
from jobs.view.references import register_words


@pytest.fixture(scope="module")
def words(spark):
    register_words(spark)
    register_uses(spark)
    return spark


@pytest.mark.parametrize(
    ("table", "measures", "uses"),
    [
        (VAS, {}, []),
        (VAS, {"crbt_gift_cnt": 1}, ["CRBT_EVENT"]),
        (VAS, {"crbt_download_cnt": 2, "newspaper_issue_cnt": 1}, ["CRBT_EVENT", "TONE_DOWNLOAD", "NEWSPAPER_ISSUE"]),
        (VAS, {"crbt_paid_download_cnt": 1, "misc_subscribe_cnt": 1}, []),
        (USAGE, {"data_volume_kb": 1}, ["DATA"]),
        (USAGE, {"mms_sp_cnt": 1, "voice_mo_cnt": 9}, ["MMS"]),
        (USAGE, {"voice_mo_cnt": 9}, []),
    ],
)
def test_uses_of_a_day(words, table, measures, uses):
    values = ", ".join(str(measures.get(name, 0)) for name in COUNTABLE[table])

    assert words.sql(f"SELECT {FUNCTIONS[table]}({values}) AS uses").collect()[0]["uses"] == uses


@pytest.mark.parametrize(
    ("condition", "code", "holds"),
    [
        ("word_of('OPERATOR', code) <> 'OWN'", "CMCC", False),
        ("word_of('OPERATOR', code) <> 'OWN'", "UNICOM", True),
        ("word_of('OPERATOR', code) <> 'OWN'", "", True),
        ("word_of('OPERATOR', code) <> 'OWN'", None, None),
        ("word_of('SERVICE_PREFIX', LEFT(code, 4)) = 'NEWSPAPER'", "NEWS01", True),
        ("word_of('SERVICE_PREFIX', LEFT(code, 4)) = 'NEWSPAPER'", "NEW", False),
        ("word_of('BILL_ITEM', code) = 'LOCAL'", "LOCL", True),
        ("word_of('BILL_ITEM', code) = 'LOCAL'", "TOLL", False),
        ("word_of('MISC_ORDER', code) = 'SUBSCRIBE'", "06", True),
        ("word_of('MISC_ORDER', code) IN ('UNSUBSCRIBE', 'CLOSE_PROVIDER', 'CLOSE_ALL')", "89", True),
        ("word_of('MISC_ORDER', code) = 'SUBSCRIBE'", "03", False),
        ("COALESCE(word_of('PRODUCT_STATE', code), 'CANCELLED') = 'CANCELLED'", None, True),
        ("COALESCE(word_of('PRODUCT_STATE', code), 'CANCELLED') = 'SUSPENDED'", "1", True),
    ],
)
def test_codes_are_counted_by_their_words(words, condition, code, holds):
    rows = words.createDataFrame([(code,)], "code string").selectExpr(f"{condition} AS holds").collect()

    assert rows[0]["holds"] is holds
