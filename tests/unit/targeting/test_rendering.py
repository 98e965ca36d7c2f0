"""What the night would refuse is refused at approval: every task is written as its channel's file for real customers."""

from __future__ import annotations

import pyarrow as pa
import pytest

from conf.campaigns import load_campaigns, read_campaign
from conf.errors import ConfigError
from conf.exports import load_exports
from conf.reading import ROOT
from jobs.lakehouse import delta_rs
from jobs.targeting import approval_flow, rendering
from jobs.targeting.rendering import require_exportable
from tests.builders.targeting_night import NIGHT, a_subscriber, msisdn_of, put, token_of
from tests.unit.targeting.campaigns_for_tests import a_campaign

CHANNELS = ["SMS", "MMS", "WAP_PUSH", "OUTBOUND", "STORE", "HOTLINE", "WEB", "ACCOUNT_MANAGER", "IVR"]
PLAIN = {"scope": {"province": "FJ", "cities": ["591", "592"]}}


def with_task(channel: str, **values):
    """A campaign on all nine channels whose task on one of them has these values."""
    campaign = a_campaign("T_TRIAL", "CRBT", CHANNELS, **PLAIN)
    tasks = tuple(task.model_copy(update=values) if task.channel_code == channel else task for task in campaign.tasks)
    return campaign.model_copy(update={"tasks": tasks}), f"tasks.{CHANNELS.index(channel)}."


def with_people(settings, count: int, **values) -> None:
    """A published view of the night: live lines in two cities and one out of scope, their numbers in the vault."""
    delta_rs.ensure_tables(settings)
    rows = [a_subscriber(n, city_code="591" if n % 7 else "592", **values) for n in range(count)]
    put(settings, "gold.customer_360", [*rows, a_subscriber(90_001, city_code="outside scope")])
    vault = [
        {"token": token_of(n), "kind": "MSISDN", "value": msisdn_of(n), "first_load_date": NIGHT} for n in range(count)
    ]
    delta_rs.append(settings, "vault.identity", vault)


@pytest.mark.parametrize(
    ("channel", "field", "value", "found", "wanted"),
    [
        ("SMS", "script_text", "回复TD退订" + "好" * 135, "141 characters", "at most 140 characters, in gbk"),
        ("HOTLINE", "script_text", "好" * 121, "242 bytes", "at most 240 bytes, in gbk"),
        ("IVR", "script_id", "A" * 41, "41 bytes", "at most 40 bytes"),
        ("WEB", "script_url", "", "nothing", "an http address"),
        ("WAP_PUSH", "script_url", "", "nothing", "an http address"),
        ("SMS", "script_text", "a|b TD", "the separator or quote '|'", "without control characters, separators"),
        ("SMS", "script_text", "億 TD退订", "as a byte inside a character", "separators"),
        ("MMS", "script_text", 'say "yes", TD', "the separator or quote '\"'", "separators"),
        ("WAP_PUSH", "script_text", "a;b TD", "the separator or quote ';'", "separators"),
        ("MMS", "script_title", "a\tb", "a control character", "without control characters"),
        (
            "OUTBOUND",
            "script_text",
            "=1+1",
            "a first character that makes a spreadsheet run the cell",
            "formula triggers",
        ),
        ("STORE", "script_text", "好😀", "a character gbk cannot write, at place 2", "in gbk"),
        ("WEB", "script_title", " ", "blanks at an end", "text"),
    ],
)
def test_task_the_night_would_refuse_is_refused_at_approval(settings, channel, field, value, found, wanted):
    campaign, key = with_task(channel, **{field: value})
    with pytest.raises(ConfigError) as refusal:
        require_exportable(settings, campaign)
    assert refusal.value.file.endswith("conf/campaigns/t_trial.yaml")
    assert refusal.value.key == key + field
    assert found in str(refusal.value.found)
    assert wanted in str(refusal.value.wanted)


def test_column_a_layout_does_not_have_is_free(settings):
    campaign, _ = with_task("IVR", script_text="億 | 😀", script_url="")
    assert "9 tasks written" in require_exportable(settings, campaign)


def test_every_campaign_of_the_project_is_exportable_for_real_customers(settings):
    with_people(settings, 40)
    assert len(load_campaigns()) >= 5
    for campaign in load_campaigns().values():
        assert f"{len(campaign.tasks)} tasks written and read back for 40 customers" in require_exportable(
            settings, campaign
        )


def test_sample_is_of_live_people_in_scope_with_every_city_and_no_more_than_a_few_hundred(settings, monkeypatch):
    seen: list[list[dict[str, str]]] = []
    write = rendering.file_bytes

    def note(layout, rows, name):
        seen.append(rows.to_pylist())
        return write(layout, rows, name)

    monkeypatch.setattr(rendering, "file_bytes", note)
    with_people(settings, 1_000)
    campaign = a_campaign("T_TRIAL", "CRBT", CHANNELS, **PLAIN)
    tried = require_exportable(settings, campaign)
    assert len(seen) == len(CHANNELS)
    numbers = {row["msisdn"] for row in seen[0]}
    assert 200 < len(numbers) <= rendering.SAMPLE
    assert numbers <= {msisdn_of(n) for n in range(1_000)}
    assert {row["city_code"] for row in seen[0]} == {"591", "592"}
    assert f"{len(numbers)} customers of the view of {NIGHT}" in tried


@pytest.mark.parametrize("broken", [1, 20])
def test_one_customers_data_refuses_no_campaign_but_everybodys_does_and_is_never_shown(settings, broken):
    with_people(settings, 20)
    delta_rs.delete(settings, "vault.identity", f"token < {token_of(broken)}")
    vault = [
        {"token": token_of(n), "kind": "MSISDN", "value": "0591-3800000", "first_load_date": NIGHT}
        for n in range(broken)
    ]
    delta_rs.append(settings, "vault.identity", vault)
    campaign = a_campaign("T_TRIAL", "CRBT", CHANNELS, **PLAIN)
    if broken == 1:
        assert "9 tasks written" in require_exportable(settings, campaign)
        return
    with pytest.raises(ConfigError) as refusal:
        require_exportable(settings, campaign)
    assert "column msisdn, from the customers' data" in refusal.value.key
    assert "3800000" not in str(refusal.value)


def test_trial_fails_when_the_channel_would_read_something_else(settings, monkeypatch):
    campaign = a_campaign("T_TRIAL", "CRBT", CHANNELS, **PLAIN)
    monkeypatch.setattr(
        rendering, "read_back", lambda layout, content: pa.table({name: ["x"] for name in layout.column_names})
    )
    with pytest.raises(ConfigError, match="another value when read back"):
        require_exportable(settings, campaign)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("预存一年彩铃功能费，赠送15元话费。请先", "预存一年彩铃功能费，赠送15元话费😀请先", "gbk cannot write"),
        ("column: is_at_risk", "column: is_at_riskk", "is_at_riskk"),
    ],
)
def test_first_step_of_approval_refuses_what_the_night_would(settings, tmp_path, monkeypatch, before, after, words):
    text = (ROOT / "conf" / "campaigns" / "crbt_save.yaml").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "crbt_save.yaml").write_text(text.replace(before, after), encoding="utf-8")
    changed = read_campaign(tmp_path / "crbt_save.yaml")
    monkeypatch.setattr(approval_flow, "load_campaigns", lambda: {"CRBT_SAVE": changed})
    with pytest.raises(ConfigError, match=words):
        approval_flow.check_definition("CRBT_SAVE")


def test_layouts_of_all_channels_are_tried():
    assert {layout.channel_code for layout in load_exports().values()} == set(CHANNELS)
