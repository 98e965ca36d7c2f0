"""Keyed tokens: those of hashlib, apart by kind, one value a token in a load and from load to load."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from jobs.ingest.parse import Identity
from jobs.ingest.vault_rows import FirstSeen, distinct_identities, merge_identities
from jobs.lakehouse import delta_rs
from jobs.lakehouse.run import Run
from jobs.people.tokens import Tokenizer, digits_of
from tests.unit.ingest.deliveries import A_DAY

KEY = bytes(range(32))


@pytest.mark.parametrize("size", [0, 1, 63, 127, 128, 129, 200])
def test_tokens_are_the_first_63_bits_of_keyed_blake2b_personalised_by_kind(size):
    value = ("上海13800138000" * 20)[:size]
    digest = blake2b(value.encode(), digest_size=8, key=KEY, person=b"ADDRESS").digest()
    wanted = int.from_bytes(digest, "big") >> 1
    assert Tokenizer(KEY).tokens("ADDRESS", pa.array([value, value])).tolist() == [wanted, wanted]
    assert Tokenizer(KEY).token("ADDRESS", value) == wanted


def test_a_token_never_changes():
    assert Tokenizer(KEY).token("MSISDN", "13800138000") == 6338580680476953328


def test_a_slice_of_values_gives_the_tokens_of_the_slice():
    values = pa.array([str(n) for n in range(100)])
    assert (
        Tokenizer(KEY).tokens("IMSI", values[40:50]).tolist() == Tokenizer(KEY).tokens("IMSI", values)[40:50].tolist()
    )
    assert Tokenizer(KEY).tokens("IMSI", values[:0]).tolist() == []


def test_the_same_value_of_another_kind_or_key_has_another_token():
    tokens = {Tokenizer(key).token(kind, "13800138000") for key in (KEY, KEY[::-1]) for kind in ("MSISDN", "NAME")}
    assert len(tokens) == 4
    with pytest.raises(ValueError, match="wanted one of MSISDN"):
        Tokenizer(KEY).token("PASSPORT", "1")


def found(values: list[str], tokens: list[int], kind: str = "NAME", day: int = 0) -> pa.Table:
    identity = Identity(kind, np.arange(len(values)), pa.array(values), np.array(tokens))
    return distinct_identities([(identity, np.full(len(values), (A_DAY + timedelta(days=day)).toordinal()))])


def test_two_values_under_one_token_stop_the_load():
    with pytest.raises(ClosedLoopError, match="two values"):
        found(["a", "b"], [7, 7])


@pytest.mark.parametrize(("value", "kind"), [("b", "NAME"), ("a", "ADDRESS")])
@pytest.mark.parametrize("day", [-1, 0, 1])
def test_another_value_under_a_token_of_an_earlier_load_stops_the_load(settings, value, kind, day):
    delta_rs.ensure_tables(settings)
    this_run = Run("ingest", DateRange.of(A_DAY), settings)
    assert merge_identities(this_run, found(["a", "c"], [7, 8])) == 2
    assert merge_identities(this_run, found(["a", "d"], [7, 9], day=day)) == 1
    with pytest.raises(ClosedLoopError, match=r"1 token.* two values(.|\n)*closedloop rekey"):
        merge_identities(this_run, found([value, "e"], [7, 10], kind=kind, day=day))
    assert sorted(delta_rs.read(settings, "vault.identity")["token"].to_pylist()) == [7, 8, 9]


def test_numbers_get_the_tokens_of_their_digits_however_often_and_from_however_many_threads(monkeypatch):
    numbers = 13_800_000_000 + np.arange(9_000)
    wanted = Tokenizer(KEY).tokens("MSISDN", pa.array(numbers).cast(pa.string())).tolist()
    tokenizer, hashed = Tokenizer(KEY), []
    plain = Tokenizer.tokens
    monkeypatch.setattr(
        Tokenizer, "tokens", lambda self, kind, values: hashed.append(len(values)) or plain(self, kind, values)
    )
    parts = [numbers[start : start + 3_000] for start in (0, 1_500, 6_000, 3_000, 0)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda part: tokenizer.tokens_of_numbers("MSISDN", part).tolist(), parts))
    assert found == [wanted[part[0] - numbers[0] : part[-1] - numbers[0] + 1] for part in parts]
    assert sum(hashed) == len(numbers), "each number once"


def test_an_imei_keeps_its_zeros_in_front():
    assert digits_of("IMEI", np.array([1123456789012])).to_pylist() == ["01123456789012"]
    token = Tokenizer(KEY).tokens_of_numbers("IMEI", np.array([1123456789012])).tolist()
    assert token == [Tokenizer(KEY).token("IMEI", "01123456789012")]


def identity(kind, values, tokens):
    return Identity(kind, np.arange(len(tokens)), pa.array(values), np.array(tokens))


def test_a_run_keeps_a_value_once_with_its_earliest_day_and_every_value_a_token_ever_had():
    seen, kept = FirstSeen(), []
    for kind, values, tokens, days in (
        ("MSISDN", [13800138000, 13900139000], [7, 8], [5, 5]),
        ("MSISDN", [13800138000, 13900139000], [7, 8], [6, 4]),  # nothing new, and an earlier day
        ("MSISDN", [13800138000, 13700137000], [7, 9], [5, 5]),
        ("NAME", ["a"], [11], [5]),
        ("NAME", ["a"], [11], [9]),
    ):
        kept.append(seen.news(identity(kind, values, tokens), np.array(days)))
    assert [part.tokens.tolist() for part, _ in kept] == [[7, 8], [8], [9], [11], []]
    assert kept[1][1].tolist() == [4]
    assert kept[0][0].values.to_pylist() == ["13800138000", "13900139000"]
    rows = distinct_identities(kept).sort_by("token").to_pylist()
    assert [(row["token"], row["first_load_date"].toordinal()) for row in rows] == [(7, 5), (8, 4), (9, 5), (11, 5)]

    with pytest.raises(ClosedLoopError, match="two values"):
        distinct_identities([*kept, seen.news(identity("NAME", ["b"], [11]), np.array([9]))])
    with pytest.raises(ClosedLoopError, match="two values"):
        distinct_identities([*kept, seen.news(identity("ADDRESS", ["a"], [11]), np.array([9]))])


def test_a_run_remembers_more_tokens_than_it_began_with_room_for():
    seen, tokens = FirstSeen(), np.random.default_rng(1).integers(1, 2**62, 200_000)
    values = [str(token) for token in tokens]
    first, _ = seen.news(identity("NAME", values, tokens), np.full(len(tokens), 5))
    again, _ = seen.news(identity("NAME", values, tokens), np.full(len(tokens), 5))
    assert (len(first.tokens), len(again.tokens)) == (200_000, 0)
