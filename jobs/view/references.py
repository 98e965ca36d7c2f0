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
    spark.createDataFrame(codes, schema).createOrReplaceTempView("ref_status_code")
    register_words(spark)
    tokenizer, hotlines = Tokenizer.of(settings), load_hotlines()
    numbers = [(tokenizer.token("MSISDN", line.number), "COMPETITOR") for line in hotlines.hotlines]
    numbers.append((tokenizer.token("MSISDN", hotlines.own_hotline), "OWN"))
    spark.createDataFrame(numbers, "msisdn_token bigint, owner string").createOrReplaceTempView("ref_hotline")


def register_words(spark: SparkSession) -> None:
    """Function word_of(list, code): the word of a raw code by conf/source_codes.yaml, UNKNOWN outside its list, null for no code."""
    lists = ", ".join(f"'{name}', map({_pairs(words)})" for name, words in load_source_codes().items())
    spark.sql(
        "CREATE OR REPLACE TEMPORARY FUNCTION word_of(list STRING, code STRING) RETURNS STRING RETURN "
        f"IF(code IS NULL, NULL, COALESCE(try_element_at(element_at(map({lists}), list), code), '{UNKNOWN}'))"
    )


def _pairs(words: dict[str, str]) -> str:
    return ", ".join(f"'{code}', '{word}'" for code, word in words.items())
