"""Two points of the kill matrix in the suite; `make prove-kill` plays all of them against the Spark server."""

from __future__ import annotations

import pytest

from jobs.stack.kill_matrix import KillProofFailed, differences, fingerprint, prove_point


@pytest.fixture
def one_process(monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP_PROFILE", "local")


def test_view_killed_after_its_commit_is_equal_after_the_rerun(loop, one_process, tmp_path):
    night = loop.nights[-1]
    wanted = fingerprint(loop.settings)
    assert len(wanted) > 60, "floor: tables and files are compared"

    prove_point(tmp_path / "home", loop.settings.home, ("view",), "gold.customer_360.after_commit", night, wanted)


def test_export_killed_between_rename_and_done_sends_nothing_twice(loop, one_process, tmp_path):
    night = loop.nights[-1]
    wanted = {name: mark for name, mark in fingerprint(loop.settings).items() if not name.startswith("rpt.")}
    before = fingerprint(loop.settings.with_home(loop.before_export))
    assert any(name.startswith("exports/") for name in set(wanted) - set(before)), "floor: this export writes files"

    wanted |= {name: mark for name, mark in before.items() if name.startswith("rpt.")}
    prove_point(tmp_path / "home", loop.before_export, ("export",), "export.after_rename", night, wanted)


def test_a_kill_that_does_not_hit_is_no_proof(loop, one_process, tmp_path):
    night = loop.nights[-1]

    with pytest.raises(KillProofFailed, match="did not hit"):
        prove_point(tmp_path / "home", loop.before_export, (), "nowhere.at_all", night, {})


def test_differences_name_what_differs():
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == ["b: 2 became 3", "c: None became 4"]
