"""Planted dirt (domain rules 2.12): extra records that break one rule each, exact copies, and odd writings of numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from conf.feeds import Feed, Field
from simulator.extract import AGAIN, MONEY, UTF8, Delivery
from simulator.facts import Facts
from simulator.files import BROKEN, STAND_IN
from simulator.planted import Planted

SMALLEST = 20  # rows of a file that gets dirt at all
NUMBERS = ("int", "bigint", "fen", "li")
TIMES = {"date8": "20260231", "datetime14": "20260231101010"}
WAYS = (("+86", ""), ("86", ""), ("12530", ""), ("", "  "))  # before and behind a number
MOBILE_DIGITS = 11
SOMETIMES = 0.06  # chance of one dirty row in a file too small for its share
ROW_NUMBER = "_row_no"
REMARK = "remark"
UTF8_REMARK = "此行编码不同"  # remark of a line written in UTF-8
UNKNOWN_CODE = "ZZ9"
UNKNOWN_CODES = {"product_order": "channel_id", "misc_order": "channel_id"}


def plant(feed: Feed, delivery: Delivery, facts: Facts, rng: np.random.Generator) -> pl.DataFrame | None:
    """Dirty rows to be written among the clean ones: text columns of the contract and `_rule`, the rule each row breaks."""
    rows = len(delivery.clean)
    if rows < SMALLEST:
        return None
    faults = possible_faults(feed)
    broken = _how_many(rows, facts.dirt["row_share"], rng)
    copies = _how_many(rows, facts.dirt["duplicate_share"], rng)
    if not broken + copies:
        return None
    source = rng.choice(rows, min(rows, broken + copies), replace=False)
    text = delivery.clean[source].with_columns(pl.exclude(MONEY, UTF8).cast(pl.String))
    kinds = rng.integers(0, len(faults), max(len(source) - copies, 0))
    parts = [
        _break(text.slice(0, len(kinds)).filter(pl.Series(kinds == number)), *faults[number])
        for number in np.unique(kinds)
    ]
    same = text.slice(len(kinds)).with_columns(_rule=pl.lit("DUPLICATE_ROW"))
    return pl.concat([*parts, same], how="diagonal") if len(same) or parts else None


def _how_many(rows: int, share: float, rng: np.random.Generator) -> int:
    count = int(rng.poisson(rows * share))
    return count or int(rows * share < 1 and rng.random() < SOMETIMES)


def possible_faults(feed: Feed) -> list[tuple[str, Field | None, str]]:
    """(rule, field, bad value) for everything that can go wrong in a feed by its contract."""
    faults: list[tuple[str, Field | None, str]] = []
    if feed.style != "fixed_width":
        faults.append(("FIELD_COUNT", feed.fields[-1], ("$" if feed.style == "dollar" else STAND_IN) + "X"))
    if feed.style == "euro":
        faults.append(("ROW_NUMBER", None, "9999999"))
    for field in feed.fields:
        faults += _field_faults(field)
    return faults


def _field_faults(field: Field) -> list[tuple[str, Field | None, str]]:
    """A blank where a value is wanted, and the values that cost their record by the contract."""
    faults = _value_faults(field) if field.error_action == "refuse_row" else []
    if field.required:
        faults.append(("REQUIRED_MISSING", field, ""))
    return faults


def _value_faults(field: Field) -> list[tuple[str, Field | None, str]]:
    faults: list[tuple[str, Field | None, str]] = []
    if field.type in TIMES:
        faults.append(("BAD_DATE", field, TIMES[field.type]))
    if field.type in NUMBERS:
        faults.append(("BAD_NUMBER", field, "12A"))
        if field.min is not None:
            faults.append(("OUT_OF_RANGE", field, str(field.min - 7)))
    if field.allowed:
        faults.append(("NOT_ALLOWED", field, "Z" * min(field.width or 2, 2)))
    if field.pattern:
        faults.append(("BAD_FORM", field, "X" * min(field.width or 2, 2)))
    if field.required and field.type == "msisdn":
        faults.append(("BAD_MSISDN", field, "ERR0000000"))
    if field.max_length:
        faults.append(("TOO_LONG", field, "9" * (field.max_length + 3)))
    return faults


def _break(rows: pl.DataFrame, rule: str, field: Field | None, value: str) -> pl.DataFrame:
    if field is None:
        return rows.with_columns(pl.lit(value).alias(ROW_NUMBER), _rule=pl.lit(rule))
    if rule == "FIELD_COUNT":
        return rows.with_columns(pl.concat_str([pl.col(field.name).fill_null(""), pl.lit(value)]), _rule=pl.lit(rule))
    broken = rows.with_columns(pl.lit(value).alias(field.name), _rule=pl.lit(rule))
    unreadable = field.type == "yuan" and MONEY in rows.columns  # an amount nobody can read counts as nothing
    return broken.with_columns(pl.lit(0, dtype=pl.Int64).alias(MONEY)) if unreadable else broken


def vary_numbers(
    feed: Feed, rows: pl.DataFrame, facts: Facts, rng: np.random.Generator, planted: Planted
) -> pl.DataFrame:
    """Write a few telephone numbers the way some platforms do (D9): +86, 86 or 12530 before or blanks behind them."""
    if feed.content != "event" or not len(rows):
        return rows
    changes = []
    for field in feed.fields:
        if field.type != "msisdn" or not field.required:
            continue
        odd = np.flatnonzero(rng.random(len(rows)) < facts.dirt["variant_share"])
        if not len(odd):
            continue
        planted.add("D9", feed.feed, len(odd), field.name)
        plain = rows[field.name].cast(pl.String)
        ways = [
            way for way in WAYS if field.width is None or (not way[1] and len(way[0]) + MOBILE_DIGITS <= field.width)
        ]
        way = rng.integers(0, len(ways), len(odd))
        before, behind = (pl.Series([pair[end] for pair in ways]).gather(way) for end in (0, 1))
        changes.append(plain.scatter(odd, before + plain.gather(odd) + behind).alias(field.name))
    return rows.with_columns(changes) if changes else rows


def spoil_cells(
    feed: Feed, rows: pl.DataFrame, facts: Facts, rng: np.random.Generator, planted: Planted
) -> pl.DataFrame:
    """Cells that are emptied or made UNKNOWN while their record stays (D19, D22), and lines in another encoding (D19 mixed)."""
    if not len(rows):
        return rows
    code = UNKNOWN_CODES.get(feed.feed)
    if code:
        rows = _write_some(feed, rows, code, UNKNOWN_CODE, _chosen(rows, facts.dirt["unknown_code_share"], rng))
        planted.add("D22", feed.feed, (rows[code] == UNKNOWN_CODE).sum(), code)
    if feed.style == "fixed_width" or REMARK not in rows.columns:
        return rows
    in_utf8 = _chosen(rows, facts.dirt["utf8_line_share"], rng)
    broken = _chosen(rows, facts.dirt["unreadable_text_share"], rng) & ~in_utf8
    rows = _write_some(feed, rows, REMARK, UTF8_REMARK, in_utf8)
    rows = _write_some(feed, rows, REMARK, f"{BROKEN}X", broken)
    planted.add("D19", feed.feed, in_utf8.sum(), f"{REMARK} UTF-8")
    planted.add("D19", feed.feed, broken.sum(), f"{REMARK} NOT_DECODABLE")
    return rows.with_columns(pl.Series(UTF8, in_utf8))


def _chosen(rows: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    return rng.random(len(rows)) < share


def _write_some(feed: Feed, rows: pl.DataFrame, column: str, value: str, where: np.ndarray) -> pl.DataFrame:
    return rows.with_columns(pl.when(pl.Series(where)).then(pl.lit(value)).otherwise(pl.col(column)).alias(column))


def repeat_yesterday(
    feed: Feed, delivery: Delivery, yesterday: Path, facts: Facts, rng: np.random.Generator, planted: Planted
) -> None:
    """Add lines of yesterday's first file to a delivery of events without a key (D10): in bronze twice, counted once."""
    if feed.content != "event" or feed.key or feed.style != "dollar" or feed.money_total is None:
        return
    money_field = feed.field(feed.money_total)
    if money_field.type != "li" or not yesterday.is_file():
        return
    lines = yesterday.read_bytes().splitlines(keepends=True)
    count = min(int(rng.poisson(len(lines) * facts.dirt["again_share"])), len(lines) // 4)  # dirt stands in the middle
    delivery.again = lines[:count]
    if count:
        place = feed.fields.index(money_field)
        delivery.again_money = sum(int(line.split(b"$")[place] or 0) for line in delivery.again)
        planted.add("D10", feed.feed, count, AGAIN)
