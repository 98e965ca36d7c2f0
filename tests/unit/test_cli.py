"""A failure a person can act on is one clear block with exit code 1, never a stack trace."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pyspark.errors import AnalysisException
from typer.testing import CliRunner

from conf.errors import AlreadyRunning, HomeUnusable
from jobs import cli
from jobs.lakehouse.logs import log_to_home
from jobs.lakehouse.run import exclusive
from jobs.stack import screen

REFUSED = [sys.executable, "-c", "import sys; print('disk full', file=sys.stderr); sys.exit(3)"]


@pytest.fixture
def failing(monkeypatch, tmp_path):
    """A command line one command of which fails as asked; returns its exit code and what it said."""
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(tmp_path))

    def run(capsys, failure, *options: str) -> tuple[object, str]:
        monkeypatch.setattr("jobs.catalogue.run_job", lambda *args: failure())
        monkeypatch.setattr(sys, "argv", ["closedloop", *options, "run", "view", "--date", "2026-03-10"])
        with pytest.raises(SystemExit) as ended:
            cli.app()
        return ended.value.code, capsys.readouterr().err

    return run


def _of_spark():
    raise AnalysisException("[TABLE_OR_VIEW_NOT_FOUND] no such table\nmany more lines")


def _of_a_command():
    subprocess.run(REFUSED, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("failure", "told"),
    [(_of_spark, "TABLE_OR_VIEW_NOT_FOUND"), (_of_a_command, "ended with 3"), (_of_a_command, "disk full")],
)
def test_failure_of_spark_or_of_a_command_is_one_block(failing, capsys, failure, told):
    code, said = failing(capsys, failure)

    assert (code, told in said, "Traceback" in said, "many more lines" in said) == (1, True, False, False)


def test_trace_is_shown_given_verbose(failing, capsys):
    with pytest.raises(AnalysisException):
        failing(capsys, _of_spark, "--verbose")


def test_home_that_cannot_be_made_is_refused_with_the_remedy(settings, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(HomeUnusable, match="--home"):
        log_to_home(settings.with_home(tmp_path / "file" / "home"))


def test_second_night_is_refused_while_one_runs(settings, monkeypatch):
    monkeypatch.setattr("jobs.lakehouse.run._HELD", set())  # as another process would see it
    monkeypatch.setattr("jobs.catalogue.run_job", lambda *args: pytest.fail("a job of the second night ran"))

    with exclusive(settings, "night"):
        monkeypatch.setattr("jobs.lakehouse.run._HELD", set())
        refused = CliRunner().invoke(cli.app, ["night", "--date", "2026-03-10"])

    assert isinstance(refused.exception, AlreadyRunning)


def test_profile_option_names_every_profile():
    assert "cluster, demo, local" in " ".join(CliRunner().invoke(cli.app, ["--help"]).output.split())


def test_unknown_case_of_the_bench_is_one_block():
    from models.allocation.bench import app

    ended = CliRunner().invoke(app, ["--case", "GS9"])

    assert (ended.exit_code, "GS9" in ended.output, "Traceback" in ended.output) == (1, True, False)


def test_screen_shows_the_newest_published_allocation(monkeypatch, settings):
    import pyarrow as pa

    metrics = [
        {"run_id": r, "business_date": "2026-03-10", "stage": "targeting", "metric": "allocation.objective", "value": v}
        for r, v in (("a", 1.0), ("b", 2.0), ("never", 3.0))
    ]
    publications = [{"run_id": "b", "published_seq": 1}, {"run_id": "a", "published_seq": 2}]
    tables = {"ops.run_metric": pa.Table.from_pylist(metrics), "ops.published": pa.Table.from_pylist(publications)}
    monkeypatch.setattr(screen.published, "published_versions", lambda settings: {})
    monkeypatch.setattr(screen.Tables, "dataset", lambda self, name: tables[name])

    assert [row[1] for row in screen._allocation(settings)] == ["1.00"]
