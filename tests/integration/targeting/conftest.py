"""One night decided once for all tests of targeting and export; a test that changes something gets a copy of the home."""

from __future__ import annotations

from typing import Any

import pytest

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.dates import DateRange
from conf.settings import Settings
from jobs.stage import run_stage
from jobs.targeting.export_signature import signing_key
from tests.builders.targeting_night import NIGHT, a_night, a_town, approve, copy_of
from tests.conftest import settings_for_tests

PEOPLE, SEED = 2_500, 20260310


@pytest.fixture(scope="session")
def targeted(spark, tmp_path_factory) -> tuple[Settings, dict[str, Any]]:
    """Settings of a home in which the night of 2026-03-10 is decided and published, and the job's summary."""
    settings = settings_for_tests(tmp_path_factory.mktemp("targeted") / "home")
    town = a_town(PEOPLE, SEED)
    a_night(settings, **town)
    approve(settings, *load_campaigns().values())
    for channel_code in load_channels():  # copies of the home sign alike
        signing_key(settings, channel_code)
    return settings, run_stage(spark, settings, "target", DateRange(NIGHT, NIGHT))[str(NIGHT)]


@pytest.fixture
def targeted_copy(targeted, tmp_path, monkeypatch) -> Settings:
    """A home of this test's own with the night decided and published."""
    settings = copy_of(targeted[0], tmp_path / "home")
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(settings.home))
    return settings
