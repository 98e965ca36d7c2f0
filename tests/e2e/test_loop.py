"""The loop as its users would check it: what left, whom it reached, what a second run does."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256

import polars as pl
import pytest

from conf.campaigns import load_campaigns
from conf.channels import load_channels
from conf.tables import load_tables
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.content import rows_hash
from jobs.privacy.scan import scan
from jobs.privacy.values import wanted
from jobs.stack.kill_matrix import ABOUT_RUNS
from tests.builders import export_reader

pytestmark = pytest.mark.timeout(1800)  # the first test plays the loop
BULK_AND_CALLS = {"SMS", "MMS", "WAP_PUSH", "OUTBOUND", "IVR"}


def table(loop, name: str) -> pl.DataFrame:
    """A table at its published version."""
    return pl.from_arrow(delta_rs.read(loop.settings, name, version=published.reader_version(loop.settings, name)))


@pytest.fixture(scope="module")
def exported(loop):
    found = export_reader.contacts(loop.settings.home, set(load_campaigns()))
    assert len(found) > 150, "floor: the files hold contacts"
    return found


def test_all_nine_channels_get_files_and_each_line_is_read(loop, exported):
    assert {contact.channel for contact in exported} == set(load_channels())
    rows = sum(manifest["rows"] for manifest in export_reader.manifests(loop.settings.home))
    assert rows == len(exported)
    assert export_reader.unsigned(loop.settings.home) == []
    assert all(contact.campaign for contact in exported)


def _of_night(contacts, night):
    """Contacts of the files made in a night, which are for the day after it."""
    contact_day = (night + timedelta(days=1)).strftime("%Y%m%d")
    found = [contact for contact in contacts if contact_day in contact.file_name]
    assert len(found) > 50, f"floor: {night} has contacts"
    return found


def _transferred(loop) -> dict[str, str]:
    """Day (YYYYMMDD) on which the present owner got the line, by number, of lines that changed hands (D6)."""
    owners = table(loop, "silver.subscription").sort("data_date").group_by("subscription_id", maintain_order=True)
    changed = owners.agg(
        pl.col("data_date").filter(pl.col("customer_id") != pl.col("customer_id").shift()).last().alias("since")
    ).drop_nulls()
    numbers = table(loop, "silver.msisdn_assignment").select("subscription_id", "msisdn_token").unique()
    vault = pl.from_arrow(delta_rs.read(loop.settings, "vault.identity")).filter(pl.col("kind") == "MSISDN")
    known = changed.join(numbers, on="subscription_id").join(vault, left_on="msisdn_token", right_on="token")
    return {row["value"]: row["since"].strftime("%Y%m%d") for row in known.iter_rows(named=True)}


def test_nobody_on_the_list_of_a_night_is_in_a_file_of_it(loop, exported):
    rows, since = export_reader.landing_rows(loop.settings.home, "02090"), _transferred(loop)
    assert since, "floor: lines changed hands"
    for night in loop.nights:
        sent = _of_night(exported, night)
        black, red, channel_closed = set(), set(), set()
        for name, fields in rows:
            number = export_reader.bare(fields[0])
            if name[6:14] != night.strftime("%Y%m%d") or number is None:
                continue
            if fields[7][:8] < since.get(number, ""):  # an entry of the owner before ends with the transfer
                continue
            if fields[2] == "BLACK":
                black.add(number)
            elif fields[2] == "RED":
                red.add(number)
            elif fields[3] == "CHANNEL":
                channel_closed.add((number, fields[4]))
        assert len(black) >= 3, "floor: somebody is on the black list"

        assert not [c for c in sent if c.msisdn in black]
        assert not [c for c in sent if c.msisdn in red and c.channel in BULK_AND_CALLS]
        assert not [c for c in sent if (c.msisdn, c.channel) in channel_closed]


def test_nobody_who_opted_out_is_in_a_later_file(loop, exported):
    results = [fields for _, fields in export_reader.landing_rows(loop.settings.home, "05001")]
    ever = set()
    for night in loop.nights:
        closed = {
            (export_reader.bare(f[4]), f[5] if f[13] == "CHANNEL" else "*")
            for f in results
            if len(f) == 14 and f[13] in ("SYSTEM", "CHANNEL") and f[6][:8] <= night.strftime("%Y%m%d")
        }
        ever |= closed
        later = _of_night(exported, night)

        assert not [c for c in later if (c.msisdn, "*") in closed or (c.msisdn, c.channel) in closed]
    assert ever, "floor: somebody opted out"


def test_nobody_of_a_control_group_is_in_a_file_of_the_campaign(loop, exported):
    control = table(loop, "gold.control_group")
    assert control.height >= 10, "floor: control groups have members"
    numbers = table(loop, "silver.msisdn_assignment").select("subscription_id", "msisdn_token")
    vault = pl.from_arrow(delta_rs.read(loop.settings, "vault.identity")).filter(pl.col("kind") == "MSISDN")
    held = control.join(numbers, on="subscription_id").join(vault, left_on="msisdn_token", right_on="token")
    held_out = set(zip(held["campaign_id"], held["value"], strict=True))
    assert len(held_out) >= 10

    assert not [c for c in exported if (c.campaign, c.msisdn) in held_out]


def test_every_decision_is_accounted_for_exactly(loop):
    decisions = table(loop, "gold.campaign_decision")
    contacts = table(loop, "gold.campaign_contact")
    for night in loop.nights:
        of_night = decisions.filter(pl.col("business_date") == night)
        assert of_night.height > 50
        assert of_night.select("subscription_id", "campaign_id").is_unique().all()
        unexplained = of_night.filter(
            ~pl.col("verdict").is_in(["EXPORTED", "RECOMMENDED"]) & pl.col("first_reason").is_null()
        )
        assert unexplained.height == 0
        sent = of_night.filter(pl.col("verdict").is_in(["EXPORTED", "RECOMMENDED"])).height
        assert sent == contacts.filter(pl.col("business_date") == night).height


def test_counts_equal_the_answer_key_feed_by_feed(loop):
    import os

    env = {**os.environ, "CLOSEDLOOP_HOME": str(loop.settings.home), "CLOSEDLOOP_PROFILE": "local"}
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "verify"], env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_no_value_of_the_vault_stands_outside_landing_vault_and_exports(loop):
    found = scan(loop.settings, leave_out=("prove-kill", "province", "snapshots"))
    assert found.values["MSISDN"] > 400
    assert found.values["NAME"] > 100
    assert min(found.values[kind] for kind in ("ID_NUMBER", "ADDRESS", "IMSI", "IMEI")) > 100
    assert found.files > 1000, "floor: files were read"
    if loop.settings.path("postgres").exists():
        assert found.tables > 50, "floor: Airflow's and MLflow's tables were read"

    assert found.rows() == []


def test_numbers_people_named_in_remarks_stand_outside_landing_nowhere(loop):
    """The vault does not know them: the ingest takes them out of the remarks. The operator's answer key does."""
    lines = set((loop.settings.home / "answer_key" / "canaries.txt").read_text().splitlines())
    kind_of = {True: "MSISDN", False: "ID_NUMBER"}
    numbers = wanted(
        (kind_of[len(line) == 11], line) for line in lines if re.fullmatch(r"[0-9]{11}|[0-9]{17}[0-9X]", line)
    )
    assert numbers.values["MSISDN"] > 400, "floor: numbers were looked for"

    assert scan(loop.settings, ("prove-kill", "province", "snapshots"), numbers).rows() == []


def _marks(loop) -> dict[str, str]:
    marks = {name: rows_hash(loop.settings, name) for name in load_tables() if name not in ABOUT_RUNS}
    for file in sorted(loop.settings.path("exports").rglob("*")):
        if file.is_file():
            marks[file.name] = sha256(file.read_bytes()).hexdigest()
    return marks


def test_a_second_run_of_the_night_changes_nothing_and_sends_nothing_twice(loop):
    night = loop.nights[-1]
    before = _marks(loop)

    for job in ("ingest", "conform", "respond", "view", "score", "target", "export"):
        loop.job(job, night)

    after = _marks(loop)
    assert {n: (before.get(n), after.get(n)) for n in before | after if before.get(n) != after.get(n)} == {}


def test_the_page_of_the_night_is_whole_and_needs_no_network(loop):
    page = loop.settings.path("reports", f"{loop.nights[-1]}.html").read_text()

    assert len(page) > 10_000
    assert "not yet mature" in page
    assert not re.findall(r"(?:src|href)=[\"']https?://", page)
