"""A night leaves no value of the vault outside the places for it; one that is planted there is found, in whatever form."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import sqlite3
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from jobs.cli import app
from jobs.ingest.job import run
from jobs.lakehouse import delta_rs
from jobs.people.vault import IDENTITY
from jobs.privacy import contents
from jobs.privacy.scan import scan
from jobs.privacy.values import wanted
from jobs.servers import postgres
from tests.conftest import settings_for_tests
from tests.unit.ingest.deliveries import A_DAY

DATA = Path(__file__).parents[1] / "data"
MSISDN, ID_NUMBER, IMSI, IMEI = "13401234567", "35010219800101123X", "460001234567890", "35383741012345"
NAME, SHORT, ADDRESS = "欧阳静洋", "吴䶮", "福州市鼓楼区古田路9号1204室"
PLANTED = {
    MSISDN: "MSISDN",
    ID_NUMBER: "ID_NUMBER",
    IMSI: "IMSI",
    IMEI: "IMEI",
    NAME: "NAME",
    SHORT: "NAME",
    ADDRESS: "ADDRESS",
}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Settings of a home after a night of ingest, of whose files tests add some."""
    settings = settings_for_tests(tmp_path_factory.mktemp("scanned"))
    shutil.copytree(DATA / "golden" / "landing", settings.path("landing"))
    for case in ("imei-forms", "rare-names"):
        shutil.copytree(DATA / "field_cases" / case / "landing", settings.path("landing"), dirs_exist_ok=True)
    run(settings, DateRange.of(A_DAY))
    rows = [
        {"token": number, "kind": kind, "value": value, "first_load_date": A_DAY}
        for number, (value, kind) in enumerate(PLANTED.items())
    ]
    delta_rs.append(settings, IDENTITY, rows)
    return settings


@pytest.fixture
def home(night, tmp_path):
    """A copy of that home, to plant in."""
    shutil.copytree(night.home, tmp_path / "home", symlinks=True)
    return night.with_home(tmp_path / "home")


def kinds(settings, place: str = "planted") -> set[str]:
    found = scan(settings).hits
    assert {where.split(" ")[0].split("/")[0] for where, _ in found} <= {place}, found
    return {kind for _, kind in found}


def test_a_night_leaves_no_personal_value_outside_its_places(night):
    found = scan(night)

    assert found.rows() == []
    assert found.is_clean
    assert found.files > 150, "floor: files were read"
    assert found.bytes > 300_000
    assert min(found.values[kind] for kind in ("MSISDN", "NAME", "ID_NUMBER", "ADDRESS", "IMSI", "IMEI")) >= 1
    assert sum(found.values.values()) > 20, "floor: values were looked for"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (f'{{"number": "{MSISDN}"}}'.encode(), "MSISDN"),
        (f"id=99{MSISDN}0000".encode(), "MSISDN in a longer number"),
        (f"+86{MSISDN}".encode(), "MSISDN in a longer number"),
        (b"134 0123 4567", "MSISDN"),
        (b"134-0123-4567", "MSISDN"),
        ("１３４０１２３４５６７".encode(), "MSISDN"),
        (ID_NUMBER.lower().encode(), "ID_NUMBER"),
        (IMSI.encode(), "IMSI"),
        (f"imei {IMEI}".encode(), "IMEI"),
        (f"{IMEI}7".encode(), "IMEI in a longer number"),
        (f"客户{NAME}来电".encode(), "NAME"),
        (NAME.encode("gb18030"), "NAME"),
        (f'["{SHORT}"]'.encode(), "NAME"),
        (json.dumps({"name": NAME}).encode(), "NAME"),
        (b"/?q=" + b"".join(b"%%%02X" % byte for byte in NAME.encode()), "NAME"),
        (f"地址：{ADDRESS}。".encode(), "ADDRESS"),
        (gzip.compress(MSISDN.encode(), mtime=0), "MSISDN"),
        (bz2.compress(NAME.encode()), "NAME"),
        (lzma.compress(ADDRESS.encode()), "ADDRESS"),
        (zstandard.compress(IMSI.encode()), "IMSI"),
        (gzip.compress(gzip.compress(IMSI.encode(), mtime=0), mtime=0), "IMSI"),
    ],
    ids=lambda given: given if isinstance(given, str) else "in",  # a packed value has no name that stays
)
def test_a_value_is_found_in_every_writing_and_packing(tmp_path, content, kind):
    looked_for = wanted((kind, value) for value, kind in PLANTED.items())
    file = tmp_path / "planted"
    file.write_bytes(content)

    found = {
        hit
        for block in contents.blocks_of_file(file, looked_for.matcher.longest)
        for hit in looked_for.in_text(block.text, block.seen)
    }

    assert found == {kind}


COLUMNS = {
    "text": pa.array([f"x{MSISDN}", None]),
    "int64": pa.array([1, int(MSISDN)]),
    "with_country": pa.array([None, int(f"86{MSISDN}")]),
    "float": pa.array([float(MSISDN), np.nan]),
    "decimal": pa.array([1, int(MSISDN)]).cast(pa.decimal128(20, 0)),
    "binary": pa.array([b"\xff\x00" + MSISDN.encode(), b""]),
    "dictionary": pa.array([MSISDN, "x"]).dictionary_encode(),
    "list": pa.array([[], ["x", MSISDN]]),
    "struct": pa.array([{"a": {"b": int(MSISDN)}}, None]),
    "map": pa.array([[("k", MSISDN)], []], pa.map_(pa.string(), pa.string())),
    "key": pa.array([[(MSISDN, 1)], []], pa.map_(pa.string(), pa.int64())),
}


def test_a_value_is_found_in_every_type_of_column(home):
    for name, column in COLUMNS.items():
        home.path("planted").mkdir(exist_ok=True)
        pq.write_table(pa.table({name: column, "other": pa.array([5, 6])}), home.path("planted", f"{name}.parquet"))

    found = scan(home)

    assert {place.split("/")[1].split(".parquet")[0] for place, _ in found.hits} == set(COLUMNS)
    assert {kind for _, kind in found.hits} == {"MSISDN"}


def test_a_value_is_found_in_names_archives_databases_and_across_blocks_and_never_said(home, monkeypatch):
    folder = home.path("planted")
    folder.mkdir()
    (folder / f"{MSISDN}.txt").write_text("nothing")
    with zipfile.ZipFile(folder / "packed", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inside", NAME * 3)
    with sqlite3.connect(folder / "base.db") as database:
        database.execute("CREATE TABLE t (number INTEGER, blank TEXT)")
        database.execute("INSERT INTO t VALUES (?, ?)", (int(MSISDN), "x" * 9000))
    monkeypatch.setattr(contents, "BLOCK_BYTES", 64)
    (folder / "long").write_bytes(b"." * 60 + ADDRESS.encode() + b"." * 500)
    half = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), half)
    (folder / "half.parquet").write_bytes(half.getvalue()[:-20] + IMSI.encode())
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(home.home))

    ended = CliRunner().invoke(app, ["--profile", "demo", "scan-personal-data"])

    assert ended.exit_code == 1, ended.output
    told = {
        line.split()[0].split("/")[1]: line for line in ended.output.splitlines() if line.strip().startswith("planted/")
    }
    assert set(told) == {"***.txt", "packed", "base.db", "long", "half.parquet"}
    assert not any(value in ended.output for value in PLANTED)


def test_what_says_nobody_is_left_out_and_counted(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "words.yaml").write_text("district: 白云\n", encoding="utf-8")
    found = wanted(
        [
            ("NAME", "白云"),
            ("NAME", SHORT),
            ("NAME", "张"),
            ("MSISDN", "10086"),
            ("MSISDN", "1065712345678"),
            ("ADDRESS", "福州"),
        ],
        tmp_path,
    )

    assert found.values == {"NAME": 1}
    assert sum(found.left_out.values()) == 5
    assert list(found.in_text(f"这{SHORT}字".encode())) == [], "two characters inside a text stand there by chance"
    assert list(found.in_text(f"这 {SHORT},".encode())) == ["NAME"]


def test_a_token_of_the_vault_holds_a_number_by_chance_only():
    found = replace(wanted([("MSISDN", MSISDN)]), tokens=frozenset({9134012345678888888}))

    assert list(found.in_text(b'{"max": 9134012345678888888}')) == []
    assert list(found.in_text(b'{"max": 9134012345678888889}')) == ["MSISDN in a longer number"]
    assert list(found.in_text(b"99134012345678888888")) == ["MSISDN in a longer number"]


def test_homes_inside_are_passed_by_and_told_and_an_empty_vault_is_refused(home, tmp_path):
    shutil.copytree(home.path("landing"), home.path("other", "landing"))
    home.path("other", "lake", "vault", "identity").mkdir(parents=True)

    assert scan(home).other_homes == ["other"]
    assert scan(home).is_clean
    with pytest.raises(ClosedLoopError, match="wanted a vault with values"):
        scan(home.with_home(tmp_path / "empty"))


@pytest.fixture
def short_home(night):
    """The same home where a Postgres may lie: a short way to its socket, through folders others may pass."""
    with tempfile.TemporaryDirectory(prefix="closedloop-scan-", dir="/tmp") as folder:
        home = night.with_home(Path(folder) / "home")
        shutil.copytree(night.path("lake", "vault"), home.path("lake", "vault"))
        yield home
        postgres.stop(home)


def test_a_value_postgres_holds_compressed_is_found(short_home):
    """Long values are compressed in its files; a server that runs is asked and left running."""
    import psycopg2

    home = short_home
    address = postgres.start(home)["airflow"].replace("+psycopg2", "")
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE planted (id int, content jsonb, raw bytea)")
        content = json.dumps({"list": ["aaaa"] * 3000 + [NAME]}, ensure_ascii=False)
        cursor.execute("INSERT INTO planted VALUES (1, %s, %s)", (content, b"x" * 5000 + ID_NUMBER.encode()))
    connection.close()

    found = scan(home)

    assert found.tables >= 1
    assert {(place, kind) for place, kind in found.hits if place.startswith("postgres ")} == {
        ("postgres airflow public.planted", "NAME"),
        ("postgres airflow public.planted", "ID_NUMBER"),
    }
    assert postgres.is_running(home)
    in_files = {place for place, _ in found.hits if not place.startswith("postgres ")}
    assert not any("base/" in place and kind == "NAME" for place, kind in found.hits), (
        f"floor: it was compressed {in_files}"
    )
