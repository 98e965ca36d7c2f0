"""What the bench of nights writes down and compares: costs of a tree of processes, sums of a night, ratios by step."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conf.errors import InputRefused
from jobs.stack.bench_night import _read, table_of_costs, whole_night
from jobs.stack.bench_world import rows_of
from jobs.stack.metering import Meter

BUSY = "x = bytearray(60_000_000)\nfor i in range(6_000_000): pass"


def test_a_step_counts_the_processes_it_started_and_what_its_home_grew_by(tmp_path):
    meter = Meter(tmp_path)
    with meter.step("cold", "work") as cost:
        subprocess.run([sys.executable, "-c", BUSY], check=True)
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "file").write_bytes(b"x" * 3_000_000)
        cost.rows = 7
    (found,) = meter.costs
    assert (found.run, found.step, found.rows) == ("cold", "work", 7)
    assert found.cpu_seconds > 0.05, "a child that has ended counts"
    assert found.wall_seconds >= 0.05
    assert 2.8 < found.disk_mb < 3.2
    assert found.peak_mb > 60


def test_a_step_that_fails_is_kept(tmp_path):
    meter = Meter(tmp_path)
    with pytest.raises(RuntimeError), meter.step("cold", "work"):
        raise RuntimeError
    assert [cost.step for cost in meter.costs] == ["work"]


@pytest.mark.parametrize(
    ("summary", "rows"),
    [
        ({"rows": {"silver.a": 3, "silver.b": 4}, "dates": "x"}, 7),
        ({"2026-03-10": {"rows": {"gold.a": 5}}}, 5),
        ({"rows_in": 9, "rows_good": 8, "feeds": {"a": {"rows_good": 8}}}, 8),
        ({"2026-03-10": {"files": {"SENT": 2}, "rows": 6, "rows_by_channel": {"SMS": 6}}}, 6),
        ({"pages": ["2026-03-10.html"], "folder": "reports"}, 1),
    ],
)
def test_rows_of_each_kind_of_summary(summary, rows):
    assert rows_of(summary) == rows


def test_a_night_is_its_jobs_without_the_synthetic_operator_and_the_start_of_the_server():
    steps = [_step("simulate", 50), _step("server", 9), _step("ingest", 2), _step("conform", 3)]
    assert whole_night(steps) == {"wall_seconds": 5, "cpu_seconds": 10, "peak_mb": 300, "disk_mb": 2, "rows": 20}


def test_ratios_stand_beside_each_step_and_the_whole_night():
    earlier = {"steps": [_step("ingest", 4), _step("conform", 6)]}
    lines = table_of_costs({"steps": [_step("ingest", 2), _step("view", 3)]}, earlier)
    assert lines[1].split()[-2:] == ["0.50", "0.50"]
    assert lines[2].split()[:2] == ["cold", "view"]
    assert len(lines[2].split()) == len(lines[1].split()) - 2, "a step the earlier run had not has no ratio"
    assert lines[3].split()[-2:] == ["0.50", "0.50"], "5 s against 10"


def _step(name, seconds):
    return {
        "run": "cold",
        "step": name,
        "wall_seconds": seconds,
        "cpu_seconds": 2 * seconds,
        "peak_mb": 100 * seconds,
        "disk_mb": 1,
        "rows": 10,
    }


def test_a_result_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputRefused, match="wanted the result file of an earlier run"):
        _read(tmp_path / "nothing.json")
