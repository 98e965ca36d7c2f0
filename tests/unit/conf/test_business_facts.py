"""Facts of the business are data: an operator changes them in a file of his own, and a name there is not is refused."""

from __future__ import annotations

import pytest
import yaml

from conf import feeds, numbering, products
from conf.channels import load_channels
from conf.errors import ConfigError
from conf.products import load_products, product_owned_by
from conf.reading import parse, read_yaml
from conf.responses import load_response_rules
from conf.tables import table_of
from conf.view import COUNTABLE, VAS, load_view_rules
from jobs.rules.uses import function_text


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a file of the operator's own."""

    def write(name: str, content: dict) -> None:
        (tmp_path / name).write_text(yaml.safe_dump(content))
        monkeypatch.setenv("CLOSEDLOOP_CONF", str(tmp_path))

    return write


def test_an_operator_counts_what_he_wants(own):
    own(
        "view.yaml",
        {
            "usage": {"sums": {"gprs_sessions_30d": {"measure": "data_volume_kb", "days": 30}}},
            "own_visits": {"channels": {"web_visits_3m": "KIOSK"}, "balance_enquiries": ["SALDO"]},
            "orders": {"plan_prefix": "TARIFF_"},
        },
    )

    rules = load_view_rules()

    assert rules.usage.sums["gprs_sessions_30d"].measure == "data_volume_kb"
    assert rules.own_visits.channels == {
        "hotline_calls_3m": "HOTLINE",
        "store_visits_3m": "STORE",
        "web_visits_3m": "KIOSK",
    }
    assert (rules.own_visits.balance_enquiries, rules.orders.plan_prefix) == (("SALDO",), "TARIFF_")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"windows": {"payments": {"days": 60}}}, "topup_cnt_90d: a name with _60d"),
        ({"windows": {"answers": {"months": 3}}}, "accept_cnt_6m: a name with _3m"),
        ({"windows": {"payments": {"months": 3}}}, "months"),
        ({"windows": {"payments": {"columns": ["topup_count_90d"]}}}, "the nearest is topup_cnt_90d"),
        ({"windows": {"usage": {"days": 60}}}, "windows.usage.days at least 90"),
        ({"usage": {"sums": {"voice_mo_cnt_30d": {"measure": "voice_mo_cnt", "days": 31}}}}, "a name with _31d"),
        (
            {"usage": {"sums": {"voice_mo_cnt_30d": {"measure": "voice_mo_count", "days": 30}}}},
            "the nearest is voice_mo_cnt",
        ),
        ({"uses": {"MMS": {"table": "silver.usage_daily", "measures": ["crbt_set_cnt"]}}}, "uses.MMS.measures"),
        ({"silence_ends_with": "DATA"}, "silence_ends_with"),
        ({"bills": {"metered": ["tool_fen"]}}, "the nearest is toll_fen"),
        ({"own_visits": {"channels": {"web_visits_3m": "WEBB"}}}, "the nearest is WEB"),
        ({"brands": {"full_profile": ["GOTON"]}}, "the nearest is GOTONE"),
        ({"key_account_when_filled": ["account_manger_id"]}, "the nearest is account_manager_id"),
        ({"device_abilities": ["TELEX"]}, "device_abilities"),
        ({"windws": {}}, "unknown key 'windws'"),
    ],
)
def test_view_rules_refuse_what_there_is_not(own, content, words):
    own("view.yaml", content)

    with pytest.raises(ConfigError, match=f"(?s){words}"):
        load_view_rules()


def test_an_ability_of_no_handset_is_refused_at_a_channel_and_a_product(own, tmp_path):
    own("channels.yaml", {"channels": [{"channel_code": "MMS", "requires": ["MMMS"]}]})
    with pytest.raises(ConfigError, match=r"(?s)MMS\.requires.*the nearest is MMS"):
        load_channels()

    (tmp_path / "channels.yaml").unlink()
    own("products.yaml", {"products": [{"prod_id": "MMS_PACK", "requires": ["JAVVA"]}]})
    with pytest.raises(ConfigError, match=r"(?s)MMS_PACK\.requires.*the nearest is JAVA"):
        load_products()


def test_a_column_that_tells_of_a_product_tells_of_one(own):
    assert (product_owned_by("has_crbt"), product_owned_by("has_newspaper")) == ("CRBT", "NEWSPAPER")

    own("products.yaml", {"products": [{"prod_id": "GPRS_PACK_5", "owned_when": "has_crbt"}]})
    products.load_products()
    with pytest.raises(ConfigError, match="2 products with has_crbt"):
        product_owned_by("has_crbt")


def test_what_counts_as_use_is_the_files(own):
    own(
        "view.yaml",
        {"uses": {"PAPER_ORDER": {"table": VAS, "measures": ["misc_subscribe_cnt", "misc_unsubscribe_cnt"]}}},
    )

    text = function_text("vas_uses", COUNTABLE[VAS], load_view_rules().uses_of(VAS))

    assert "CASE WHEN misc_subscribe_cnt + misc_unsubscribe_cnt > 0 THEN 'PAPER_ORDER' END" in text
    assert "network_uses" not in text
    assert "DATA" not in text


def test_a_use_nobody_counts_makes_no_customer_effective(own):
    own("responses.yaml", {"effective": {"qualifying_use": {"NEWSPAPER": ["NEWSPAPER_ISUE"]}}})

    with pytest.raises(ConfigError, match="the nearest is NEWSPAPER_ISSUE"):
        load_response_rules()


def test_a_field_of_a_kind_that_is_no_personal_data_is_refused():
    with pytest.raises(ValueError, match=r"personal is one of msisdn, .*imei"):
        feeds.Field(name="school", type="text", personal="school")


def test_restricted_kinds_are_marked_in_the_contract():
    assert table_of("bronze.customer").column("id_number_token").description.endswith("(id_number, restricted)")
    assert table_of("bronze.customer").column("cust_name_token").description.endswith("(name)")


@pytest.mark.parametrize(("pattern", "words"), [("1([3-9])", "no group"), ("1[3-9", "a regular expression")])
def test_numbers_are_patterns_without_groups(pattern, words):
    data = read_yaml(numbering.NUMBERING_FILE)

    with pytest.raises(ConfigError, match=words):
        parse(numbering.Numbering, {**data, "mobile": pattern}, numbering.NUMBERING_FILE)
