"""Small code lists as temporary views for silver queries: ref_status_code, ref_hotline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.codes import load_hotlines, load_status_codes
from jobs.ingest.tokens import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conf.settings import Settings


def register_references(spark: SparkSession, settings: Settings) -> None:
    """Make the code lists readable by SQL; numbers appear as tokens only."""
    codes = [(c.status_code, c.subscription_status, c.is_off_network, c.churn_type) for c in load_status_codes()]
    schema = "status_code string, subscription_status string, is_off_network boolean, churn_type string"
    spark.createDataFrame(codes, schema).createOrReplaceTempView("ref_status_code")
    tokenizer, hotlines = Tokenizer.of(settings), load_hotlines()
    numbers = [(tokenizer.token("MSISDN", line.number), "COMPETITOR") for line in hotlines.hotlines]
    numbers.append((tokenizer.token("MSISDN", hotlines.own_hotline), "OWN"))
    spark.createDataFrame(numbers, "msisdn_token bigint, owner string").createOrReplaceTempView("ref_hotline")
