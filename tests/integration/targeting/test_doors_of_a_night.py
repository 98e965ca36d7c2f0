"""A home that a real night wrote: no file or folder of it is for others, tried by another user of the machine too."""

from __future__ import annotations

import grp
import os
import shutil
import stat
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from conf.dates import DateRange
from jobs.lakehouse import doors
from jobs.targeting import export
from tests.builders.other_user import NOBODY, opened_by
from tests.builders.targeting_night import NIGHT, copy_of

GROUP = grp.getgrgid(os.getgid()).gr_name
FLOORS = {
    "lake/gold": 30,
    "lake/ops": 20,
    "lake/vault": 2,
    "exports": 27,
    "data_docs": 3,
}  # files of the night, at least


@pytest.fixture(scope="module")
def night(targeted):
    """The night with its lists, in a folder that every user may pass, and SMS open to a group."""
    folder = Path(tempfile.mkdtemp(prefix="closedloop-doors-"))
    folder.chmod(0o755)
    settings = copy_of(targeted[0], folder / "home")
    settings = settings.model_copy(
        update={"doors": settings.doors.model_copy(update={"export_groups": {"SMS": GROUP}})}
    )
    before = os.umask(0o022)  # as a login shell has it; keep sets ours
    try:
        doors.keep(settings)
        export.run(None, settings, DateRange(NIGHT, NIGHT))
        yield settings
    finally:
        os.umask(before)
        shutil.rmtree(folder)


def paths_of(settings) -> list[Path]:
    return [settings.home, *sorted(settings.home.rglob("*"))]


def wanted(settings, path: Path) -> int:
    """The most a place may allow, written down once more."""
    place = path.relative_to(settings.home).as_posix()
    if place in (".", "exports"):
        return {".": 0o701, "exports": 0o711}[place]
    if place == "exports/SMS":
        return 0o2750
    if place.startswith("exports/SMS/"):
        return 0o640
    return 0o700 if path.is_dir() else 0o600


def test_every_folder_and_file_is_for_its_owner_or_its_channel_only(night):
    doors.require_closed(night)
    files = Counter()
    for path in paths_of(night):
        found = stat.S_IMODE(path.stat().st_mode)
        assert found & ~wanted(night, path) == 0, f"{path}: {found:o}"
        files.update(place for place in FLOORS if path.is_file() and path.is_relative_to(night.path(place)))
    assert {place: count for place, count in files.items() if count < FLOORS[place]} == {}
    assert set(files) == set(FLOORS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in night.path("exports", "SMS").iterdir()} == {0o640}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_opens_nothing(night):
    sign = night.home.with_name("sign")
    sign.write_text("read me")
    sign.chmod(0o644)

    # So this user could read what is for all, and nothing else.
    assert opened_by(NOBODY, [sign, *paths_of(night)]) == [str(sign)]
