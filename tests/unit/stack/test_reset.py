"""`closedloop reset` says what goes, asks, and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.stack.reset import NotToBeRemoved, what_goes


@pytest.fixture
def home(settings, tmp_path):
    """A home with a key and a landed file, a link to a sender's folder, and a neighbour."""
    for place in ("home/secrets/token.key", "home/landing/boss/a.dat", "sender/b.dat"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("x")
    (tmp_path / "home" / "landing" / "vas").symlink_to(tmp_path / "sender")
    return settings.home


def test_reset_names_what_goes_and_keeps_it_given_no(home):
    told = CliRunner().invoke(app, ["reset"], input="n\n")

    assert (told.exit_code, (home / "secrets" / "token.key").exists()) == (1, True)
    assert all(word in told.output for word in (str(home), "landing, ", "keys"))


def test_reset_removes_the_home_and_nothing_a_link_leads_to(home, tmp_path):
    told = CliRunner().invoke(app, ["reset"], input="y\n")

    assert (told.exit_code, home.exists(), (tmp_path / "sender" / "b.dat").read_text()) == (0, False, "x")
    assert "nothing to forget" in CliRunner().invoke(app, ["reset", "--yes"]).output


@pytest.mark.parametrize("folder", ["/", "/tmp", str(Path.home()), str(Path(__file__).parents[3])])
def test_folder_that_holds_more_than_a_home_is_not_removed(settings, folder):
    with pytest.raises(NotToBeRemoved):
        what_goes(settings.with_home(Path(folder)))
