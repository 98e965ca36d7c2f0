"""Small code lists for silver queries: views ref_status_code and ref_hotline, function word_of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.codes import UNKNOWN, load_hotlines, load_source_codes, load_status_codes
from jobs.people.tokens import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conf.settings import Settings


def register_references(spark: SparkSession, settings: Settings) -> None:
    """Make the code lists readable by SQL; numbers appear as tokens only."""
    codes = [(c.status_code, c.subscription_status, c.is_off_network, c.churn_type) for c in load_status_codes()]
    schema = "status_code string, subscription_status string, is_off_network boolean, churn_type string"
    _view(spark, "ref_status_code", codes, schema)
    register_words(spark)
    _view(spark, "ref_hotline", hotlines(settings), "msisdn_token bigint, owner string")


def _view(spark: SparkSession, name: str, rows: list[tuple], schema: str) -> None:
    """A list every task gets whole: without the word Spark sorts the records that are looked up in it, not knowing its size."""
    from pyspark.sql import functions as F

    F.broadcast(spark.createDataFrame(rows, schema)).createOrReplaceTempView(name)


def hotlines(settings: Settings) -> list[tuple[int, str]]:
    """Tokens of the service lines whose calls are counted, and whose they are: COMPETITOR or OWN."""
    tokenizer, known = Tokenizer.of(settings), load_hotlines()
    lines = [(tokenizer.token("MSISDN", line.number), "COMPETITOR") for line in known.hotlines]
    return [*lines, (tokenizer.token("MSISDN", known.own_hotline), "OWN")]


def register_words(spark: SparkSession) -> None:
    """Function word_of(list, code): the word of a raw code by conf/source_codes.yaml, UNKNOWN outside its list, null for no code."""
    lists = " ".join(f"WHEN '{name}' THEN {_word_in(words)}" for name, words in load_source_codes().items())
    spark.sql(
        f"CREATE OR REPLACE TEMPORARY FUNCTION word_of(list STRING, code STRING) RETURNS STRING RETURN CASE list {lists} END"
    )


def _word_in(words: dict[str, str]) -> str:
    """A choice Spark keeps of all lists once it knows the list: no map is made or searched for a row."""
    pairs = " ".join(f"WHEN code = '{code}' THEN '{word}'" for code, word in words.items())
    return f"CASE WHEN code IS NULL THEN NULL {pairs} ELSE '{UNKNOWN}' END"
