"""An expectation of Great Expectations itself stands in a suite: misspelt it is refused, run it stops or warns the night like ours."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import yaml

from conf.dates import DateRange
from conf.errors import ConfigError, GateFailed
from conf.gate import GateLimits
from expectations import gate, suites
from expectations.native import NativeRule
from jobs.lakehouse import delta_rs
from jobs.lakehouse.alerts import open_alerts
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.run import Run

NIGHT = DateRange.of("2026-03-10")
TABLE = "ops.feed_status"
SECRET = "13800000001"
ROW = {"business_date": date(2026, 3, 10), "feed": "payment", "status": "COMPLETE", "run_id": "a"}
COMMON = {"severity": "fail", "reason": "feeds are named in small letters"}


def rule(type_name: str, severity: str = "fail", **kwargs) -> NativeRule:
    return NativeRule.model_validate({"type": type_name, "kwargs": kwargs, **COMMON, "severity": severity})


@pytest.fixture
def lake(settings, monkeypatch):
    """A lake whose feed states are judged by the expectations a test gives; no Spark is needed for them."""
    made = Lake(None, settings, Run("tests", NIGHT, settings))  # type: ignore[arg-type]
    made.judged_by = lambda *rules: monkeypatch.setattr(
        gate, "native_rules_of", lambda name: list(rules) if name == TABLE else []
    )
    return made


def results_of(lake) -> dict[str, dict]:
    return {row["expectation"]: row for row in delta_rs.read(lake.settings, "ops.gate_result").to_pylist()}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"type": "ExpectColumnValuesToMatchRegexp", "kwargs": {"column": "feed", "regex": "x"}},
            r"gx\.0\.type[\s\S]*match_regexp[\s\S]*expect_column_values_to_match_regex",
        ),
        (
            {"type": "ExpectColumnValuesToMatchRegex", "kwargs": {"column": "feeds", "regex": "x"}},
            r"gx\.0\.kwargs[\s\S]*feeds[\s\S]*nearest is feed",
        ),
        (
            {"type": "ExpectColumnValuesToMatchRegex", "kwargs": {"column": "feed", "regexp": "x"}},
            r"gx\.0\.kwargs[\s\S]*regexp[\s\S]*nearest is regex",
        ),
        (
            {"type": "ExpectColumnValuesToMatchRegex", "kwargs": {"regex": "x"}},
            r"gx\.0\.kwargs\.column[\s\S]*nothing[\s\S]*required",
        ),
        (
            {"type": "ExpectColumnValuesToBeBetween", "kwargs": {"column": "feed", "min_value": 1, "mostly": "often"}},
            r"kwargs\.mostly[\s\S]*often",
        ),
        ({"type": "ExpectTableRowCountToEqualOtherTable", "kwargs": {"other_table_name": "x"}}, r"gx\.0\.type"),
        ({"type": "ExpectColumnValuesToBeUnique", "kwarg": {"column": "feed"}}, r"gx\.0[\s\S]*kwarg"),
    ],
)
def test_what_is_not_known_is_refused_when_the_suite_is_read(tmp_path, monkeypatch, given, said):
    file = tmp_path / "ops" / "feed_status.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump({"table": TABLE, "gx": [given | COMMON]}))
    monkeypatch.setattr(suites, "SUITES", tmp_path)

    with pytest.raises(ConfigError, match=said) as refused:
        suites.load_suites.__wrapped__()

    assert str(file) in str(refused.value)


def test_suite_takes_an_expectation_and_one_twice_needs_a_name(tmp_path, monkeypatch):
    file = tmp_path / "ops" / "feed_status.yaml"
    file.parent.mkdir()
    one = {"type": "ExpectColumnValuesToMatchRegex", "kwargs": {"column": "feed", "regex": "^[a-z]"}, **COMMON}
    monkeypatch.setattr(suites, "SUITES", tmp_path)
    other = {**one, "kwargs": {"column": "feed", "regex": "[a-z]$"}}
    file.write_text(yaml.safe_dump({"table": TABLE, "gx": [one, other | {"name": "again"}]}))
    taken = suites.load_suites.__wrapped__()[TABLE].gx
    assert [rule.id for rule in taken] == ["gx__column_values_to_match_regex__feed", "gx__again__feed"]

    for twice in (other, one | {"name": "again"}):
        file.write_text(yaml.safe_dump({"table": TABLE, "gx": [one, twice]}))
        with pytest.raises(ConfigError, match="a second time"):
            suites.load_suites.__wrapped__()


def test_broken_expectation_stops_the_night_and_a_warning_does_not(lake):
    older = {**ROW, "business_date": NIGHT.first - timedelta(days=1), "feed": "OF ANOTHER NIGHT"}
    delta_rs.append(lake.settings, TABLE, [ROW, {**ROW, "feed": SECRET}, older])
    broken = rule("ExpectColumnValuesToMatchRegex", column="feed", regex="^[a-z_]+$")
    held = rule("ExpectTableRowCountToBeBetween", "warn", min_value=2, max_value=2)
    unfit = rule("ExpectColumnMeanToBeBetween", "warn", column="feed", min_value=0)
    lake.judged_by(broken, held, unfit)

    with pytest.raises(GateFailed, match="match_regex of feed"):
        gate.run_gate(lake, "ingest", [TABLE], NIGHT)

    found = results_of(lake)
    assert [(found[one.words]["success"], found[one.words]["observed"]) for one in (broken, held, unfit)] == [
        (False, "1"),
        (True, "2"),
        (False, None),
    ]
    assert {alert.event for alert in open_alerts(lake.settings)} == {"GATE_FAILED", "GATE_WARNING"}
    page = next(lake.settings.path("data_docs", "validations").rglob("*.html")).read_text(encoding="utf-8")
    for said in (
        "regular expression",
        "regex ^[a-z_]+$",
        broken.reason,
        "50% unexpected",
        "could not be run",
        "Bounds",
    ):
        assert said in page, said
    written = [path for path in lake.settings.path("data_docs").rglob("*") if path.suffix in (".html", ".json", "")]
    texts = [path.read_text(encoding="utf-8") for path in written if path.is_file()]
    assert len(texts) >= 4
    assert not any(SECRET in text for text in texts), "results hold numbers, never values of rows"


def test_expectations_of_a_table_with_too_many_rows_are_told_and_stop_nothing(lake, monkeypatch):
    delta_rs.append(lake.settings, TABLE, [ROW, {**ROW, "feed": "cdr_voice"}])
    lake.judged_by(rule("ExpectColumnValuesToBeUnique", column="status"))
    monkeypatch.setattr(
        gate, "load_gate_limits", lambda: GateLimits(one_process_rows_max=10, native_rows_max=1, index_results_max=9)
    )

    verdicts = gate.run_gate(lake, "ingest", [TABLE], NIGHT)

    (told,) = [verdict for verdict in verdicts if not verdict.success]
    assert (told.rule.severity, told.observed) == ("warn", 2)
    (alert,) = open_alerts(lake.settings)
    assert alert.event == "GATE_WARNING"
    assert "native_rows_max" in alert.text
    assert "unique of status" in alert.text
    assert results_of(lake)[told.rule.words]["success"] is False


def test_broken_expectation_stops_the_night_of_a_table_that_has_no_other_rule(lake, monkeypatch):
    delta_rs.append(lake.settings, TABLE, [{**ROW, "feed": "NO FEED"}])
    broken = rule("ExpectColumnValuesToMatchRegex", column="feed", regex="^[a-z_]+$")
    lake.judged_by(broken)
    monkeypatch.setattr(gate, "rules_of", lambda name: [])

    with pytest.raises(GateFailed, match="match_regex of feed"):
        gate.run_gate(lake, "ingest", [TABLE], NIGHT)

    assert results_of(lake)[broken.words]["success"] is False
    page = next(lake.settings.path("data_docs", "validations").rglob("*.html")).read_text(encoding="utf-8")
    assert broken.reason in page
