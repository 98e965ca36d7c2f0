"""Who held a number when, as each night knew it: the rows queries join are what the rule says for every day and night."""

from __future__ import annotations

import random
from datetime import date, timedelta
from functools import partial

import pytest

from conf.tables import SQL, query_text
from jobs.lakehouse.sqltext import substitute_tables

FOREVER = date(9999, 12, 31)
TOLD = "msisdn_token long, subscription_id string, valid_from date, valid_to date, load_date date, superseded_on date"
SPAN = 12  # days and nights looked at


def day(number: int) -> date:
    return date(2026, 3, 1) + timedelta(days=number)


def rows_of(spark, told):
    """Rows of work.msisdn_holder for what was told."""
    spark.createDataFrame(told, TOLD).createOrReplaceTempView("told")
    text = substitute_tables(query_text("work.msisdn_holder"), lambda _: "told")
    return [tuple(row) for row in spark.sql(text).collect()]


def held_at(told, number, when, night):
    """The rule itself: the newest holder that had begun, was known and had not been ended, as the night knew it."""
    groups: dict[tuple[str, date], list] = {}
    for token, subscription, start, end, loaded, superseded in told:
        if token == number:
            groups.setdefault((subscription, start), []).append((end, loaded, superseded))
    standing = [
        (start, subscription)
        for (subscription, start), parts in groups.items()
        if start <= when
        and min(loaded for _, loaded, _ in parts) <= night < max(gone for _, _, gone in parts)
        and not any(end < FOREVER and loaded <= night and end <= when for end, loaded, _ in parts)
    ]
    return max(standing)[1] if standing else None


def joined(rows, number, when, night):
    """What a query's join finds: at most one row."""
    found = [
        subscription
        for token, subscription, start, end, known_from, known_to in rows
        if token == number and start <= when < end and known_from <= night < known_to
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


def an_assignment(subscription, start, known, end=None, superseded=None, number=1):
    return (
        number,
        subscription,
        day(start),
        FOREVER if end is None else day(end),
        day(known),
        FOREVER if superseded is None else day(superseded),
    )


RECYCLED = [an_assignment("OLD", 0, 0), an_assignment("NEW", 5, 6), an_assignment("OLD", 0, 6, end=5)]
CASES = {
    "kept": ([an_assignment("A", 2, 3)], [(1, 9, None), (2, 9, "A"), (9, 2, None), (9, 3, "A")]),
    "recycled, as known before and after": (RECYCLED, [(4, 6, "OLD"), (5, 5, "OLD"), (5, 6, "NEW"), (9, 9, "NEW")]),
    "given up and held by nobody": (
        [an_assignment("A", 0, 0), an_assignment("A", 0, 4, end=3)],
        [(2, 9, "A"), (3, 3, "A"), (3, 4, None)],
    ),
    "back again after another": (
        [*RECYCLED, an_assignment("OLD", 8, 8), an_assignment("NEW", 5, 8, end=8)],
        [(4, 9, "OLD"), (6, 9, "NEW"), (8, 7, "NEW"), (8, 8, "OLD")],
    ),
    "learned late": (
        [an_assignment("A", 0, 0), an_assignment("B", 2, 7), an_assignment("A", 0, 7, end=2)],
        [(3, 6, "A"), (3, 7, "B")],
    ),
    "superseded by a file without it": ([an_assignment("A", 0, 1, superseded=4)], [(3, 3, "A"), (3, 4, None)]),
    "superseded, and told again": (
        [an_assignment("A", 0, 1, superseded=4), an_assignment("A", 0, 4)],
        [(3, 3, "A"), (3, 4, "A"), (3, 9, "A")],
    ),
    "an earlier end is learned": (
        [an_assignment("A", 0, 0), an_assignment("A", 0, 2, end=9), an_assignment("A", 0, 5, end=4)],
        [(6, 4, "A"), (6, 5, None), (3, 9, "A")],
    ),
    "two live ones, the later activation": (
        [an_assignment("A", 0, 0), an_assignment("B", 3, 0)],
        [(2, 5, "A"), (3, 5, "B")],
    ),
    "two of one day, the greater name": ([an_assignment("A", 3, 0), an_assignment("B", 3, 0)], [(3, 5, "B")]),
}


@pytest.fixture(scope="module")
def settled(spark):
    """Rows of every case at once, each under a number of its own."""
    told = [(number, *row[1:]) for number, (rows, _) in enumerate(CASES.values()) for row in rows]
    return rows_of(spark, told)


@pytest.mark.parametrize("number", range(len(CASES)), ids=list(CASES))
def test_a_number_belongs_to_whom_the_night_knew(settled, number):
    told, points = list(CASES.values())[number]
    found = {(when, night): joined(settled, number, day(when), day(night)) for when, night, _ in points}
    by_rule = {
        (when, night): held_at([(number, *row[1:]) for row in told], number, day(when), day(night))
        for when, night, _ in points
    }

    assert found == {(when, night): wanted for when, night, wanted in points}
    assert by_rule == found


def test_rows_are_the_rule_for_every_day_and_night(spark):
    drawn = random.Random(20260310)
    told = [row for number in range(150) for row in _drawn(drawn, number)]
    rows = rows_of(spark, told)
    by_number = {number: [row for row in rows if row[0] == number] for number in range(150)}

    held = 0
    for number in range(150):
        mine = [row for row in told if row[0] == number]
        for when in map(day, range(SPAN)):
            for night in map(day, range(SPAN)):
                wanted = held_at(mine, number, when, night)
                assert joined(by_number[number], number, when, night) == wanted, (number, when, night)
                held += wanted is not None
    assert held > 5000


def _drawn(drawn, number):
    """What a few nights told of a number: holders, ends, files replaced, some of it late."""
    at = partial(drawn.randrange, SPAN)
    for subscription in "ABC"[: drawn.choice((1, 1, 2, 3))]:
        for start in {at() for _ in range(drawn.choice((1, 1, 2)))}:
            for known in {at() for _ in range(drawn.choice((1, 2, 3)))}:
                end = at() if drawn.random() < 0.5 else None
                superseded = known + 1 + at() if drawn.random() < 0.3 else None
                yield an_assignment(subscription, start, known, end, superseded, number)


def test_a_number_that_never_moved_has_one_row(spark):
    told = [an_assignment(f"S{number}", 2, 3, number=number) for number in range(50)]

    assert sorted(rows_of(spark, told)) == [(n, f"S{n}", day(2), FOREVER, day(3), FOREVER) for n in range(50)]


def test_every_join_names_day_and_night():
    texts = [path.read_text(encoding="utf-8") for path in SQL.rglob("*.sql")]
    joins = [text.count("JOIN work.msisdn_holder AS") for text in texts]

    for bound in (".valid_from <= ", ".valid_to > ", ".known_from <= ", ".known_to > "):
        found = [text.count(bound) if joined else 0 for text, joined in zip(texts, joins, strict=True)]
        assert found == joins, bound
    assert sum(joins) >= 17
