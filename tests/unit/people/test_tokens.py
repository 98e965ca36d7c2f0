"""Keyed tokens: those of hashlib, apart by kind, one value a token in a load and from load to load."""

from datetime import timedelta
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from jobs.ingest.parse import Identity
from jobs.ingest.vault_rows import distinct_identities, merge_identities
from jobs.lakehouse import delta_rs
from jobs.lakehouse.run import Run
from jobs.people.tokens import Tokenizer
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
