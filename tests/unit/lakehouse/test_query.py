"""Questions to the Spark server read published tables and nothing else."""

from __future__ import annotations

import pytest

from conf.errors import InputRefused
from jobs.lakehouse.query import only_an_answer

PAYLOADS = (
    "DELETE FROM gold.customer_360",
    "DROP TABLE gold.customer_360",
    "FROM gold.customer_360 INSERT INTO gold.customer_tag SELECT *",
    "SET spark.sql.catalogImplementation",
    "SELECT * FROM delta.`/srv/closedloop/lake/vault/identity`",
    "SELECT * FROM delta . /* */ `/srv/closedloop/lake/vault/identity`",
    "SELECT * FROM Vault . identity",
    "SELECT * FROM spark_catalog.VAULT/**/.identity",
    """SELECT "it's", v.* FROM vault.identity v WHERE 'x' = 'x'""",
    "SELECT * FROM IDENTIFIER('vau' || 'lt.identity')",
    "SELECT * FROM table_changes_by_path('/srv/closedloop/lake/va' || 'ult/identity', 0)",
    "SELECT reflect('java.nio.file.Files', 'readString', path) FROM gold.customer_360",
    "SELECT java_method('java.lang.System', 'exit', 1)",
)


@pytest.mark.parametrize("text", PAYLOADS)
def test_what_is_no_question_about_tables_is_refused(text):
    with pytest.raises(InputRefused):
        only_an_answer(text)


def test_question_becomes_part_of_another():
    assert only_an_answer("SELECT 1 -- one").splitlines() == ["SELECT * FROM (", "SELECT 1 -- one", ") AS answer"]
