"""Where lake, landing and exports lie, and what each engine is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.errors import ConfigError
from conf.places import Place, PlaceElsewhere
from conf.settings import load_settings
from jobs.lakehouse.delta_rs import append, count
from jobs.lakehouse.places import table_place


def test_places_lie_below_home_unless_the_settings_name_others(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP__PLACES__LAKE", f"file://{tmp_path}/a%20mount/lake")
    settings = load_settings("demo", tmp_path / "home")

    assert settings.path("lake", "gold") == tmp_path / "a mount" / "lake" / "gold"
    assert settings.path("exports", "SMS") == tmp_path / "home" / "exports" / "SMS"
    assert settings.place("landing").uri == f"file://{tmp_path}/home/landing"


def test_tables_are_made_and_read_where_the_lake_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP__PLACES__LAKE", f"file://{tmp_path}/mount/lake")
    settings = load_settings("demo", tmp_path / "home")
    run = {
        "run_id": "r",
        "business_date": settings.first_night,
        "stage": "s",
        "step": "x",
        "table_name": "t",
        "metric": "m",
        "value": 1.0,
    }

    append(settings, "ops.run_metric", [run])

    assert count(settings, "ops.run_metric") == 1
    assert table_place(settings, "ops.run_metric").local == tmp_path / "mount" / "lake" / "ops" / "run_metric"
    assert not (tmp_path / "home" / "lake").exists()


@pytest.mark.parametrize("uri", ["s3a://bucket/lake", "/mnt/lake", "file://host/lake", "file:relative"])
def test_place_that_cannot_work_is_refused(uri, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDLOOP__PLACES__LAKE", uri)
    with pytest.raises(ConfigError, match=r"places.lake"):
        load_settings("demo", tmp_path)


def test_step_that_works_on_files_says_so_of_a_place_elsewhere():
    place = Place("s3a://bucket/lake").join("gold", "customer_360")

    assert place.for_spark == place.for_delta_rs == "s3a://bucket/lake/gold/customer_360"
    with pytest.raises(PlaceElsewhere, match="no folder of this machine"):
        _ = place.local
    assert Place.of(Path("/srv/a b")).local == Path("/srv/a b")
