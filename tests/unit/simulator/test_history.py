"""The same seed gives the same bytes; a second run changes nothing; the day after is refused when its lists changed."""

from __future__ import annotations

import json
import shutil
from datetime import date
from hashlib import sha256

import polars as pl
import pytest

from conf.errors import InputRefused
from conf.exports import load_exports
from simulator import truth
from simulator.history import state_folder, write_day, write_history
from simulator.key import RULES, read_counts
from simulator.state import State
from tests.unit.simulator.conftest import small_settings

NIGHT = date(2025, 9, 19)


def digest(settings) -> dict[str, str]:
    files = sorted(settings.path("landing").glob("*/*"))
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    found = []
    for home, seed in (("one", 11), ("two", 11), ("three", 12)):
        settings = small_settings(tmp_path / home, seed).model_copy(update={"history_first": date(2025, 9, 16)})
        write_history(settings)
        found.append(digest(settings))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_second_history_changes_nothing(small_operator):
    before = digest(small_operator)
    assert write_history(small_operator).days == 0
    assert digest(small_operator) == before


def test_the_key_balances_for_every_file(small_operator):
    counts = read_counts(small_operator.home)
    assert (counts["rows_in"] == counts["good"] + counts["quarantined"]).all()
    assert (counts["quarantined"] == counts.select(pl.sum_horizontal(RULES)).to_series()).all()
    assert counts["feed"].n_unique() == 27


def test_truth_is_kept_with_what_happened(small_operator):
    rows = pl.read_parquet(truth.path_of(small_operator.home, date(2025, 8, 15)))
    assert rows["p_churn_offnet"].is_between(0, 1).all()
    assert rows["label_churn_offnet"].sum() > 0


def test_two_live_ids_share_a_number_and_one_has_no_traffic(small_operator):
    state = State.load(state_folder(small_operator) / "2025-09-18.npz")
    twins = state.msisdn[state.kind == 1]
    assert len(twins) >= 2
    assert set(twins) <= set(state.msisdn[(state.kind == 0) & (state.act < state.today)])


def export_list(settings, channel, numbers):
    """A released list of CRBT offers, as closedloop writes it."""
    layout = load_exports()[channel.lower()]
    rows = [
        [f"C{n}", "CRBT_ACQUISITION", "T1", "1", str(number), "CRBT", "OFFER", "20250919", "S1"]
        for n, number in enumerate(numbers)
    ]
    wanted = dict.fromkeys(layout.column_names, "x")
    names = [
        "contact_id",
        "campaign_id",
        "task_id",
        "wave_no",
        "msisdn",
        "product_id",
        "offer_id",
        "planned_date",
        "script_id",
    ]
    lines = [
        layout.delimiter.join(f'"{value}"' for value in {**wanted, **dict(zip(names, row, strict=True))}.values())
        for row in rows
    ]
    head = [layout.delimiter.join(f'"{name}"' for name in layout.column_names)]
    content = (layout.newline.join(head + lines) + layout.newline).encode(layout.encoding)
    file = settings.path("exports", channel, f"{channel}_20250919_CRBT_ACQUISITION_001.csv")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    manifest = {
        "planned_date": "2025-09-19",
        "sha256": sha256(content).hexdigest(),
        "layout": layout.layout,
        "channel_code": channel,
    }
    file.with_name(file.name + ".manifest.json").write_text(json.dumps(manifest))
    file.with_name(file.name + ".done").write_text(manifest["sha256"])


def test_exported_lists_are_answered_once_and_changed_lists_are_refused(small_operator, tmp_path):
    shutil.copytree(small_operator.home, tmp_path / "home")
    settings = small_operator.with_home(tmp_path / "home")
    state = State.load(state_folder(settings) / "2025-09-18.npz")
    export_list(settings, "OUTBOUND", state.msisdn[state.live & (state.kind == 0)][:120])
    first = write_day(settings, NIGHT)
    assert (first.contacts, first.was_done) == (120, False)
    answers = settings.path("landing", "channel", "S0500120250919000000.AVL").read_text().splitlines()
    codes = {line.split("$")[8] for line in answers}
    assert {"ACCEPT", "REFUSE", "CONSIDER", "NOT_REACHED"} <= codes
    orders = settings.path("landing", "boss", "S0205420250919000000.AVL").read_text()
    assert "CRBT_ACQUISITION" in orders
    assert write_day(settings, NIGHT).was_done
    export_list(settings, "OUTBOUND", state.msisdn[state.live & (state.kind == 0)][:60])
    with pytest.raises(InputRefused, match="other lists"):
        write_day(settings, NIGHT)
