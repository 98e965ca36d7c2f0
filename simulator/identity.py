"""Names, addresses, identity numbers and telephone numbers that look real; characters that break careless parsers included."""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator import clock
from simulator.facts import Facts
from simulator.state import State

SURNAMES = list("陈林黄张吴李郑王刘苏蔡杨许谢邱郭曾叶何赖卢庄施洪江游魏罗詹")
GIVEN = list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文海燕晓东宇婷雪佳浩然子轩梓涵欣怡")
ODD = list("億個甁鍊還軀蘾質寍濈")  # second byte 0x7C or 0x80 in code page 936, and two neighbours
TRADES = ["贸易", "电子", "物流", "服装", "茶业", "建材", "軟件", "還原科技"]
CHECK = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])


def build_identity(state: State, facts: Facts, seed: int) -> pl.DataFrame:
    """One row per customer number: cust_name, contact_address, home_address, contact_postcode, id_number, all text."""
    rng = np.random.default_rng([seed, 77])
    size = state.size
    pick = lambda values: pl.Series(values).gather(rng.integers(0, len(values), size))  # noqa: E731
    odd = rng.random(size) < facts.dirt["odd_name_share"]
    given = pick(GIVEN).zip_with(pl.Series(~odd), pick(ODD))
    second = pick(GIVEN).zip_with(pl.Series(rng.random(size) < 0.8), pl.Series("", [""]).new_from_index(0, size))
    company = pl.Series(state.corporate >= 0) & pl.Series(state.company_registered)
    person = pick(SURNAMES) + given + second
    business = pick(SURNAMES) + pick(GIVEN) + pick(TRADES) + "有限公司"
    place = _places(state, facts)
    return pl.DataFrame(
        {
            "cust_name": business.zip_with(company, person),
            "contact_address": place + _door(facts, rng, size),
            "home_address": place + _door(facts, rng, size),
            "contact_postcode": 350000 + state.city.astype(np.int64) * 1000 + rng.integers(0, 99, size),
            "id_number": id_numbers(state, rng),
        }
    )


def _places(state: State, facts: Facts) -> pl.Series:
    names: list[str] = []
    offsets: list[int] = []
    for city in facts.cities:
        offsets.append(len(names))
        names += [city.name + county for county in city.counties.values()]
    return pl.Series(names).gather(np.array(offsets)[state.city] + state.county)


def _door(facts: Facts, rng: np.random.Generator, size: int) -> pl.Series:
    street = pl.Series(facts.streets).gather(rng.integers(0, len(facts.streets), size))
    number = pl.Series(rng.integers(1, 400, size)).cast(pl.String)
    room = pl.Series(rng.integers(1, 19, size) * 100 + rng.integers(1, 8, size)).cast(pl.String)
    return street + number + "号" + room + "室"


def id_numbers(state: State, rng: np.random.Generator) -> pl.Series:
    """Resident identity numbers of 18 characters: area, birthday, sequence (odd for men) and the check character."""
    area = 350100 + state.city.astype(np.int64) * 100 + state.county + 2
    birth = clock._TABLE[state.birth - clock._FIRST]
    order = rng.integers(0, 499, state.size) * 2 + (state.sex == 1)
    body = (area * 10**8 + birth) * 1000 + order
    total = np.zeros(state.size, dtype=np.int64)
    for position in range(17):
        total += body // 10 ** (16 - position) % 10 * CHECK[position]
    return pl.Series(body).cast(pl.String) + pl.Series(list("10X98765432")).gather(total % 11)


def own_numbers(index: np.ndarray, facts: Facts) -> np.ndarray:
    """Mobile numbers of our own network, unique per index."""
    return _numbers(index, facts.own_prefixes, 0)


def other_province_numbers(index: np.ndarray, facts: Facts) -> np.ndarray:
    """Mobile numbers of our network's customers in other provinces: never one of our own."""
    return _numbers(index, facts.own_prefixes, 50_000_000)


def outside_numbers(index: np.ndarray, facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of other operators and their operator (0 CUCC, 1 CTCC, 2 a fixed line of CTCC); a fixed line lacks its leading 0."""
    mixed = (np.asarray(index, dtype=np.int64) * 2_654_435_761 + 97) % 1_000_003
    operator = np.where(mixed % 100 >= facts.competitor_share * 100, 2, np.where(mixed % 3 == 0, 1, 0))
    mobile = np.where(
        operator == 0,
        _numbers(mixed, facts.competitor_prefixes["CUCC"], 0),
        _numbers(mixed, facts.competitor_prefixes["CTCC"], 0),
    )
    fixed = (591 + mixed % 9) * 10**8 + 22_000_000 + mixed * 61 % 60_000_000
    return np.where(operator == 2, fixed, mobile), operator


def _numbers(index: np.ndarray, prefixes: list[int], offset: int) -> np.ndarray:
    index = np.asarray(index, dtype=np.int64)
    prefix = np.array(prefixes, dtype=np.int64)[index % len(prefixes)]
    return prefix * 10**8 + (index // len(prefixes) * 7_919 + 1_234_567) % 50_000_000 + offset
