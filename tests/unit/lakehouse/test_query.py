"""Questions of people read published tables and nothing else, in this process and on the Spark server."""

from __future__ import annotations

import pytest

from conf.errors import InputRefused
from jobs.lakehouse.query import only_an_answer, open_question
from jobs.lakehouse.sqltext import IN_PROCESS, ON_SPARK

NO_QUESTIONS = (
    "DELETE FROM gold.customer_360",
    "DROP TABLE gold.customer_360",
    "INSERT INTO gold.customer_tag SELECT * FROM gold.customer_tag",
    "FROM gold.customer_360 INSERT INTO gold.customer_tag SELECT *",
    "WITH a AS (SELECT 1) INSERT INTO gold.customer_tag SELECT * FROM a",
    "MERGE INTO gold.customer_tag USING gold.customer_360 AS s ON true WHEN MATCHED THEN DELETE",
    "CREATE TABLE gold.mine AS SELECT * FROM gold.customer_360",
    "CREATE TEMPORARY FUNCTION reflect AS 'java.lang.System'",
    "SELECT * INTO mine FROM gold.customer_360",
    "SET spark.sql.catalogImplementation",
    "CACHE TABLE gold.customer_360",
    "VACUUM gold.customer_360 RETAIN 0 HOURS",
    "TRUNCATE TABLE gold.customer_360",
    "EXECUTE IMMEDIATE 'DROP TABLE gold.customer_360'",
    "BEGIN DELETE FROM gold.customer_360; END",
    "ADD JAR '/tmp/mine.jar'",
    "COPY gold.customer_360 TO '/tmp/mine.csv'",
    "SELECT 1; DROP TABLE gold.customer_360",
    "SELECT 1) AS answer; DROP TABLE gold.customer_360; SELECT * FROM (SELECT 1",
    "SELECT * FROM gold.customer_360) AS a CROSS JOIN (SELECT * FROM gold.customer_tag",
    "",
    "-- nothing",
)
NO_TABLES_OF_THE_LAKE = (
    "SELECT * FROM delta.`/srv/closedloop/lake/vault/identity`",
    "SELECT * FROM delta . /* */ `/srv/closedloop/lake/vault/identity`",
    "SELECT * FROM parquet.`/srv/closedloop/lake/gold/customer_360`",
    "SELECT * FROM `/srv/closedloop/lake/gold/customer_360`",
    "SELECT * FROM '/srv/closedloop/landing/boss.csv'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_files('/etc/passwd')",
    "SELECT (SELECT max(line) FROM read_text('/etc/passwd'))",
    "SELECT * FROM range(10)",
    "SELECT * FROM spark_catalog.gold.customer_360",
    "SELECT * FROM gold.customer_360 VERSION AS OF 3",
    "SELECT * FROM gold.customer_360 TIMESTAMP AS OF '2026-03-10'",
    "SELECT * FROM global_temp.anything",
    "SELECT * FROM msisdn_holder",
    "SELECT * FROM gold.no_such_table",
    "SELECT * FROM information_schema.tables",
)
THE_VAULT = (
    "SELECT * FROM vault.identity",
    "SELECT * FROM Vault . identity",
    "SELECT * FROM spark_catalog.VAULT/**/.identity",
    """SELECT "it's", v.* FROM vault.identity v WHERE 'x' = 'x'""",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM gold.customer_360 AS c, LATERAL (SELECT * FROM vault.identity))",
    "WITH a AS (WITH b AS (SELECT * FROM VAULT.IDENTITY) SELECT * FROM b) SELECT * FROM a",
    "SELECT 1 UNION ALL (SELECT msisdn FROM vault.identity)",
)
CLOSED_FUNCTIONS = (
    "SELECT * FROM IDENTIFIER('vau' || 'lt.identity')",
    "SELECT IDENTIFIER('reflect')('java.lang.System', 'getenv')",
    "SELECT * FROM table_changes_by_path('/srv/closedloop/lake/va' || 'ult/identity', 0)",
    "SELECT * FROM table_changes('gold.customer_360', 0)",
    "SELECT reflect('java.nio.file.Files', 'readString', path) FROM gold.customer_360",
    "SELECT system.builtin.reflect('java.lang.System', 'getenv')",
    "SELECT try_reflect('java.lang.System', 'getenv')",
    "SELECT max(Java_Method('java.lang.System', 'exit', 1)) FROM gold.customer_360",
    "SELECT from_protobuf(subscription_id, 'm', '/etc/passwd') FROM gold.customer_360",
    "SELECT TRANSFORM(subscription_id) USING 'cat /etc/passwd' AS (line) FROM gold.customer_360",
    "SELECT * FROM (SELECT TRANSFORM(*) ROW FORMAT DELIMITED USING 'id' FROM gold.customer_360) AS t",
)
HOSTILE = (*NO_QUESTIONS, *NO_TABLES_OF_THE_LAKE, *THE_VAULT, *CLOSED_FUNCTIONS)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_question_about_tables_is_refused(text):
    with pytest.raises(InputRefused):
        only_an_answer(text)


@pytest.mark.parametrize("dialects", [ON_SPARK, IN_PROCESS])
@pytest.mark.parametrize("text", HOSTILE)
def test_tree_alone_refuses_what_is_no_question_about_tables(text, dialects):
    with pytest.raises(InputRefused):
        open_question(text, dialects)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM gold.customer_360",
        "WITH a AS (SELECT arpu_fen FROM gold.customer_360) SELECT avg(arpu_fen) FROM a -- mean",
        "SELECT transform(list_colours, c -> lower(c)) FROM gold.customer_360",
        "SELECT t.colour FROM gold.customer_360 LATERAL VIEW explode(list_colours) t AS colour",
        "(SELECT 1 AS n) UNION ALL SELECT 2 AS n",
        "SELECT gold.customer_360.arpu_fen FROM gold.customer_360 ORDER BY 1 LIMIT 3",
    ],
)
def test_question_is_let_through(text):
    assert only_an_answer(text).startswith("SELECT * FROM (\n")


def test_spark_is_given_what_was_read_and_not_the_text():
    # For Spark a backslash before the end of a line goes on with the comment: it would read another question than we did.
    text = "SELECT 'a\\'b' AS x -- one \\\n, 2 AS y"

    assert only_an_answer(text).splitlines() == ["SELECT * FROM (", "SELECT 'a\\'b' AS x, 2 AS y", ") AS answer"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT a\nFROM gold.customer_360 WHERE (", "line 2, column 30"),
        ("SELECT a FROM gold.customer_360\nWHERE b = 'x", "line 2, column 11: ' is not closed"),
    ],
)
def test_unreadable_question_is_refused_with_its_line_and_column(text, place):
    with pytest.raises(InputRefused, match=place):
        open_question(text, IN_PROCESS)


def test_a_connection_over_tables_reads_no_file_of_the_machine(settings, tmp_path):
    import duckdb

    from jobs.lakehouse.tables import Tables

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")
    with Tables(settings).duckdb([]) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"SELECT * FROM read_csv('{secret}')")
        with pytest.raises(duckdb.Error):
            connection.execute("SET enable_external_access = true")
