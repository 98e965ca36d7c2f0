"""Control groups by a stable hash: the same subscription is in or out of a campaign's group in every wave and every rerun."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

GLOBAL = "GLOBAL"
BUCKETS = 1_000_000
_HEX_DIGITS = 12


def bucket(salt: str, campaign_id: str, subscription_id: str) -> int:
    """Place of a subscription among BUCKETS equal parts, different and independent for each campaign."""
    digest = sha256(f"{salt}:{campaign_id}:{subscription_id}".encode()).hexdigest()
    return int(digest[:_HEX_DIGITS], 16) % BUCKETS


def buckets_of(share: float) -> int:
    """How many of the BUCKETS parts a share holds back: the first ones."""
    return round(share * BUCKETS)


def is_control(salt: str, campaign_id: Column, buckets: Column) -> Column:
    """Whether the subscription of the row is held back, with the first `buckets`; the same arithmetic as `bucket`, in Spark."""
    from pyspark.sql import functions as F

    text = F.concat(F.lit(f"{salt}:"), campaign_id, F.lit(":"), F.col("subscription_id"))
    digits = F.substring(F.sha2(text, 256), 1, _HEX_DIGITS)
    place = F.conv(digits, 16, 10).cast("bigint") % BUCKETS
    return place < buckets
