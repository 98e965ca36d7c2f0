"""Who may open what of a home: new folders are made right, a looser one is refused by name, groups see what is theirs."""

from __future__ import annotations

import grp
import os
import stat
import subprocess

import pytest
from typer.testing import CliRunner

from conf.dates import DateRange
from conf.errors import ConfigError
from jobs import catalogue, cli
from jobs.lakehouse import doors, session
from jobs.servers import airflow_server
from jobs.targeting.export_files import write_atomically

AIRFLOW_FOLDERS = "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS"
NIGHT = DateRange.of("2026-03-10")
OURS = grp.getgrgid(os.getgid()).gr_name  # a group whose member this user surely is
PRIVATE = ("secrets", "lake/vault", "landing", "exports")


@pytest.fixture(autouse=True)
def _umask_comes_back():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def with_groups(settings):
    def given(**groups):
        return settings.model_copy(update={"doors": settings.doors.model_copy(update=groups)})

    return given


def mode_of(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_home_is_for_its_owner_only(settings):
    doors.keep(settings)
    settings.path("reports").mkdir()
    settings.path("reports", "a.html").write_text("")

    assert {mode_of(settings.path(place)) for place in ("", *PRIVATE, "lake", "reports")} == {0o700}
    assert mode_of(settings.path("reports", "a.html")) == 0o600


def test_readers_see_the_rest_but_no_folder_with_persons(with_groups):
    settings = with_groups(readers_group=OURS)

    doors.keep(settings)
    settings.path("reports").mkdir()
    settings.path("reports", "a.html").write_text("")

    assert {mode_of(settings.path(place)) for place in PRIVATE} == {0o700}
    assert {mode_of(settings.path(place)) for place in ("", "lake", "reports")} == {0o2750}
    assert mode_of(settings.path("reports", "a.html")) == 0o640


def test_groups_of_landing_and_of_a_channel_pass_the_folders_above_and_open_their_own(with_groups):
    settings = with_groups(landing_group=OURS, export_groups={"SMS": OURS})
    doors.keep(settings)
    for channel in ("SMS", "MMS"):
        folder = doors.export_folder(settings, channel)
        write_atomically(settings.path("exports"), folder / "a.txt", b"13800138000")

    found = {place: mode_of(settings.path(place)) for place in ("", "lake", "landing", "exports", "exports/.private")}
    assert found == {"": 0o701, "lake": 0o700, "landing": 0o2770, "exports": 0o711, "exports/.private": 0o700}
    assert (mode_of(settings.path("exports/SMS")), mode_of(settings.path("exports/SMS/a.txt"))) == (0o2750, 0o640)
    assert (mode_of(settings.path("exports/MMS")), mode_of(settings.path("exports/MMS/a.txt"))) == (0o700, 0o600)
    doors.require_closed(settings)


@pytest.mark.parametrize("place", ["", *PRIVATE, "exports/SMS", "answer_key"])
def test_job_behind_an_open_door_is_refused_until_the_command_it_names_was_run(settings, monkeypatch, place):
    ran = []
    monkeypatch.setattr(catalogue, "import_module", lambda name: ran.append(name) or pytest.fail("the job ran"))
    doors.keep(settings)
    door = settings.path(place)
    door.mkdir(exist_ok=True)
    door.chmod(0o755)
    os.umask(0o022)

    with pytest.raises(doors.DoorOpen) as refused:
        catalogue.run_job(settings, "ingest", NIGHT)

    assert os.umask(0o022) == 0o077
    found, remedy = f"{door}: found 755", f"chmod 700 {door}"
    assert (found in str(refused.value), remedy in str(refused.value), mode_of(door), ran) == (True, True, 0o755, [])
    subprocess.run(remedy, shell=True, check=True)
    doors.require_closed(settings)


def test_folder_of_another_group_is_refused(with_groups, monkeypatch):
    settings = with_groups(export_groups={"SMS": OURS})
    doors.keep(settings)
    doors.export_folder(settings, "SMS")
    monkeypatch.setattr(doors.Door, "gid", os.getgid() + 1)  # the folder's group is another than the one meant

    with pytest.raises(doors.DoorOpen, match=f"chgrp {OURS} "):
        doors.require_closed(settings)


def test_what_others_could_reach_by_name_is_refused_where_they_may_pass_the_home(settings, with_groups):
    doors.keep(settings)
    settings.path("lake").chmod(0o755)
    doors.require_closed(settings)  # behind a closed home it harms nobody

    open_home = with_groups(landing_group=OURS)
    doors.keep(open_home)
    with pytest.raises(doors.DoorOpen, match=f"chmod 750 {settings.path('lake')}"):
        doors.require_closed(open_home)


@pytest.mark.parametrize(
    ("groups", "key"),
    [({"readers_group": "no-such-group"}, "doors.readers_group"), ({"export_groups": {"SMOKE": OURS}}, "SMS, MMS")],
)
def test_group_or_channel_that_does_not_exist_is_refused_by_name(with_groups, groups, key):
    with pytest.raises(ConfigError, match=key):
        doors.keep(with_groups(**groups))


def test_command_line_makes_the_home_before_it_writes(settings):
    CliRunner().invoke(cli.app, ["serve", "status"])

    assert (mode_of(settings.home), mode_of(settings.path("logs", "closedloop"))) == (0o700, 0o700)


def test_simulator_writes_for_its_owner_only(settings):
    from simulator import cli as simulator_cli

    simulator_cli._private()

    settings.path("landing", "boss").mkdir(parents=True)
    assert {mode_of(settings.path(place)) for place in ("", "landing", "landing/boss")} == {0o700}


def test_hadoop_and_airflow_which_set_modes_themselves_are_told(with_groups):
    closed, read = with_groups(), with_groups(readers_group=OURS)
    umasks = [session.static_conf(given)["spark.hadoop.fs.permissions.umask-mode"] for given in (closed, read)]
    tasks = [airflow_server.environment(given, "") for given in (closed, read)]

    assert umasks == ["077", "027"]
    assert [each[AIRFLOW_FOLDERS] for each in tasks] == ["0o700", "0o750"]
    assert [each[AIRFLOW_FOLDERS.replace("FOLDER", "FILE")] for each in tasks] == ["0o600", "0o640"]


def test_java_keeps_what_it_forgets_inside_the_home(settings):
    options = session.static_conf(settings)["spark.driver.extraJavaOptions"]

    assert f"-Djava.io.tmpdir={settings.path('run', 'tmp')} " in f"{options} "
    assert settings.path("run", "tmp").is_dir()
