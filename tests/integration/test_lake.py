"""Write, audit, publish: readers see a stage's tables together, and yesterday's when the stage did not come through."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from conf import tables
from conf.dates import DateRange
from conf.errors import ContractBroken, GateFailed, InputRefused
from expectations.gate import run_gate
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.content import rows_hash
from jobs.lakehouse.lake import Lake
from jobs.lakehouse.places import open_table
from jobs.lakehouse.query import query_tables
from jobs.lakehouse.run import Run
from tests.builders.contracts import a_contract

TENTH, ELEVENTH = DateRange.of("2026-03-10"), DateRange.of("2026-03-11")
VISIT = a_contract(
    "gold.visit",
    {"visit_id": "string", "business_date": "date", "visit_cnt": "bigint"},
    key=["visit_id", "business_date"],
    partition_by=["business_date"],
    replace_by="business_date",
)


@pytest.fixture
def visits(spark, settings, monkeypatch):
    """A gold table of the test's own, and the frame of some visits of a day."""
    monkeypatch.setitem(tables.load_tables(), "gold.visit", VISIT)

    def _frame(day: str, count: int = 3):
        return spark.sql(
            f"SELECT CAST(id AS STRING) AS visit_id, DATE'{day}' AS business_date, id AS visit_cnt FROM range({count})"
        )

    return _frame


def _lake(spark, settings, dates: DateRange) -> Lake:
    return Lake(spark, settings, Run("tests", dates, settings))


@pytest.fixture(params=["by Spark", "by delta-rs"])
def written(request, monkeypatch):
    """Both ways rows are committed: long work by Spark, short work through this process by delta-rs."""
    if request.param == "by delta-rs":
        monkeypatch.setattr(Lake, "is_short_work", property(lambda lake: True, lambda lake, value: None), raising=False)
    return request.param


def _count(spark, settings) -> int:
    return _lake(spark, settings, TENTH).read("gold.visit").count()


def test_rows_show_only_once_published(spark, settings, visits):
    writing = _lake(spark, settings, TENTH)

    commit = writing.replace("gold.visit", visits("2026-03-10"), TENTH)

    assert commit.rows == 3
    assert writing.read("gold.visit").count() == 3  # the run sees its own write
    assert _count(spark, settings) == 0  # nobody else does
    writing.publish()
    assert _count(spark, settings) == 3
    assert query_tables(settings, "SELECT sum(visit_cnt) AS n FROM gold.visit").to_pylist() == [{"n": 3}]


def test_spark_answers_questions_and_changes_nothing(spark, settings, visits):
    writing = _lake(spark, settings, TENTH)
    writing.replace("gold.visit", visits("2026-03-10"), TENTH)
    writing.publish()
    version = delta_rs.head_version(settings, "gold.visit")

    answer = query_tables(settings, "SELECT visit_id FROM gold.visit ORDER BY visit_cnt DESC", on_spark=True)
    with pytest.raises(InputRefused):
        query_tables(
            settings, "WITH v AS (SELECT * FROM gold.visit) INSERT INTO gold.visit SELECT * FROM v", on_spark=True
        )

    assert answer.column("visit_id").to_pylist() == ["2", "1", "0"]
    assert delta_rs.head_version(settings, "gold.visit") == version


def test_rerun_of_a_date_gives_the_same_content_and_leaves_other_dates(spark, settings, visits, written):
    hashes = []
    for day in ("2026-03-10", "2026-03-11", "2026-03-10"):
        writing = _lake(spark, settings, DateRange.of(day))
        writing.replace("gold.visit", visits(day), DateRange.of(day))
        writing.publish()
        hashes.append(rows_hash(settings, "gold.visit", "business_date = DATE '2026-03-10'"))

    assert len(set(hashes)) == 1
    assert _count(spark, settings) == 6


def test_unpublished_write_is_undone_given_a_run_that_died(spark, settings, visits, written):
    first = _lake(spark, settings, TENTH)
    first.replace("gold.visit", visits("2026-03-10"), TENTH)
    first.publish()
    before = rows_hash(settings, "gold.visit")
    _lake(spark, settings, ELEVENTH).replace("gold.visit", visits("2026-03-11", 9), ELEVENTH)  # and dies

    again = _lake(spark, settings, ELEVENTH)

    assert again.restore_ahead(["gold.visit"]) == ["gold.visit"]
    assert rows_hash(settings, "gold.visit", version=delta_rs.head_version(settings, "gold.visit")) == before
    assert _lake(spark, settings, ELEVENTH).restore_ahead(["gold.visit"]) == []  # nothing left to undo
    again.replace("gold.visit", visits("2026-03-11"), ELEVENTH)
    again.publish()
    assert _count(spark, settings) == 6


@pytest.mark.parametrize("is_published", [True, False])
def test_column_a_contract_gained_outlives_a_restore(spark, settings, visits, monkeypatch, is_published):
    before = _lake(spark, settings, TENTH)
    if is_published:
        before.replace("gold.visit", visits("2026-03-10"), TENTH)
        before.publish()
    duration = VISIT.columns[2].model_copy(update={"name": "duration_min"})
    monkeypatch.setitem(
        tables.load_tables(), "gold.visit", VISIT.model_copy(update={"columns": (*VISIT.columns, duration)})
    )
    longer = visits("2026-03-11").selectExpr("*", "visit_cnt * 10 AS duration_min")
    growing = _lake(spark, settings, ELEVENTH)
    assert growing.restore_ahead(["gold.visit"]) == []  # a new column alone is nobody's unpublished write
    growing.replace("gold.visit", longer, ELEVENTH)  # and dies

    again = _lake(spark, settings, ELEVENTH)
    assert again.restore_ahead(["gold.visit"]) == ["gold.visit"]
    assert _lake(spark, settings, ELEVENTH).restore_ahead(["gold.visit"]) == []
    again.replace("gold.visit", longer, ELEVENTH)
    again.publish()

    rows = delta_rs.read(settings, "gold.visit").to_pylist()
    by_day = {str(row["business_date"]): row["duration_min"] for row in rows if row["visit_cnt"] == 2}
    assert by_day == {**({"2026-03-10": None} if is_published else {}), "2026-03-11": 20}


def test_yesterday_stays_given_a_failed_gate(spark, settings, visits):
    good = _lake(spark, settings, TENTH)
    good.replace("gold.visit", visits("2026-03-10"), TENTH)
    run_gate(good, "tests", ["gold.visit"], TENTH)
    good.publish()
    bad = _lake(spark, settings, ELEVENTH)
    doubled = visits("2026-03-11").unionAll(visits("2026-03-11"))
    bad.replace("gold.visit", doubled, ELEVENTH)

    with pytest.raises(GateFailed, match="duplicate_key_count"):
        run_gate(bad, "tests", ["gold.visit"], ELEVENTH)

    assert _count(spark, settings) == 3
    assert delta_rs.read(settings, "gold.visit").num_rows == 3  # readers by path see yesterday too
    assert bad.publish() is None


def test_table_of_the_list_that_nobody_wrote_is_refused(spark, settings, visits):
    first = _lake(spark, settings, TENTH)
    first.replace("gold.visit", visits("2026-03-10"), TENTH)
    run_gate(first, "tests", ["gold.visit"], TENTH)
    first.publish()
    idle = _lake(spark, settings, ELEVENTH)

    with pytest.raises(GateFailed, match=r"gold\.visit: in the list of the stage, but this run did not write it"):
        run_gate(idle, "tests", ["gold.visit"], ELEVENTH)

    assert idle.publish() is None
    assert _count(spark, settings) == 3


def test_row_outside_its_dates_is_refused_and_nothing_changes(spark, settings, visits, written):
    from deltalake.exceptions import DeltaError
    from pyspark.errors import PySparkException

    with pytest.raises((PySparkException, DeltaError), match="REPLACE_WHERE_MISMATCH|failed validation check"):
        _lake(spark, settings, TENTH).replace("gold.visit", visits("2026-03-12"), TENTH)

    assert delta_rs.head_version(settings, "gold.visit") == 0


def test_missing_column_is_refused_before_writing(spark, settings, visits, written):
    with pytest.raises(ContractBroken, match="missing: visit_cnt"):
        _lake(spark, settings, TENTH).replace("gold.visit", visits("2026-03-10").drop("visit_cnt"), TENTH)


def test_query_is_pinned_and_bound_given_a_named_parameter(spark, settings, visits):
    lake = _lake(spark, settings, TENTH)
    lake.replace("gold.visit", visits("2026-03-10"), TENTH)

    rows = lake.sql(
        "SELECT visit.visit_id FROM gold.visit WHERE business_date = :day AND visit_cnt >= :least",
        day=date(2026, 3, 10),
        least=1,
    )

    assert sorted(row["visit_id"] for row in rows.collect()) == ["1", "2"]


def test_stage_publishes_all_its_tables_in_one_commit(settings):
    first = published.publish(
        settings, "tests", date(2026, 3, 10), "a", {"gold.customer_tag": 1, "gold.customer_segment": 2}
    )
    version = delta_rs.head_version(settings, published.PUBLISHED)
    second = published.publish(settings, "tests", date(2026, 3, 11), "b", {"gold.customer_tag": 4})

    assert (first, second) == (1, 2)
    assert delta_rs.read(settings, published.PUBLISHED, version=version).num_rows == 2
    assert published.published_versions(settings) == {"gold.customer_tag": 4, "gold.customer_segment": 2}


def test_history_lies_in_a_file_a_month_given_rows_sorted_by_their_date(spark, settings, monkeypatch):
    by_date = VISIT.model_copy(update={"partition_by": (), "cluster_by": ("business_date", "visit_id")})
    monkeypatch.setitem(tables.load_tables(), "gold.visit", by_date)
    three_months = DateRange.of("2026-01-10", "2026-03-10")
    days = spark.sql(
        "SELECT CAST(id AS STRING) AS visit_id, date_add(DATE'2026-01-10', CAST(id % 60 AS INT)) AS business_date, id AS visit_cnt "
        "FROM range(120)"
    )
    writing = _lake(spark, settings, three_months)

    writing.replace("gold.visit", days, three_months)

    assert _months_of_files(settings) == [("2026-01", "2026-01"), ("2026-02", "2026-02"), ("2026-03", "2026-03")]
    kept = set(open_table(settings, "gold.visit").file_uris())
    writing.replace("gold.visit", days.where("business_date = DATE'2026-02-20'"), DateRange.of("2026-02-20"))
    assert (
        len(kept - set(open_table(settings, "gold.visit").file_uris())) == 1
    )  # the other months' files are as they were
    assert writing.read("gold.visit").count() == 120


def _months_of_files(settings) -> list[tuple[str, str]]:
    log = pa.table(open_table(settings, "gold.visit").get_add_actions(flatten=True))
    first, last = (log[f"{end}.business_date"].to_pylist() for end in ("min", "max"))
    return sorted((str(one)[:7], str(other)[:7]) for one, other in zip(first, last, strict=True))


def test_short_work_is_committed_by_delta_rs_sorted_and_in_the_name_of_its_run(spark, settings, monkeypatch):
    call = a_contract(
        "gold.call",
        {"call_id": "string", "business_date": "date", "prices": "map<string,double>", "words": "array<string>"},
        key=["call_id"],
        partition_by=["business_date"],
        replace_by="business_date",
        cluster_by=["call_id"],
    )
    monkeypatch.setitem(tables.load_tables(), "gold.call", call)
    lake = _lake(spark, settings, TENTH)
    frame = spark.sql(
        "SELECT CAST(9 - id AS STRING) AS call_id, DATE'2026-03-10' AS business_date, map('a', 1.5D) AS prices,"
        " IF(id = 3, NULL, array('x')) AS words FROM range(10)"
    )

    with lake.planned_for(rows=10):
        commit = lake.replace("gold.call", frame, TENTH)

    table = open_table(settings, "gold.call")
    newest = table.history(1)[0]
    assert (newest["clientVersion"].split(".")[0], newest["userMetadata"]) == ("delta-rs", lake.run.run_id)
    assert commit.rows == 10
    rows = table.to_pyarrow_table().to_pylist()
    assert [row["call_id"] for row in rows] == [str(number) for number in range(10)]
    assert rows[6] == {"call_id": "6", "business_date": date(2026, 3, 10), "prices": [("a", 1.5)], "words": None}
    assert lake.read("gold.call").where("prices['a'] = 1.5").count() == 10


def test_no_process_is_started_for_a_file_and_no_crc_is_written_beside_it(spark, settings, visits):
    _lake(spark, settings, TENTH).replace("gold.visit", visits("2026-03-10"), TENTH)

    files = [path.name for path in settings.path("lake", "gold", "visit").rglob("*") if path.is_file()]
    assert any(name.endswith(".parquet") for name in files)
    assert [name for name in files if name.startswith(".") and name.endswith(".crc")] == []
    java = spark.sparkContext._jvm.org.apache.hadoop.fs
    found = java.FileSystem.get(java.Path("file:///").toUri(), spark.sparkContext._jsc.hadoopConfiguration())
    assert found.getClass().getSimpleName() == "NakedLocalFileSystem"
