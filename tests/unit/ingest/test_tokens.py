"""Keyed tokens: equal to Python's hmac, apart by kind, and a key file only its owner may read."""

import hmac
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ClosedLoopError
from jobs.ingest.parse import Identity
from jobs.ingest.tokens import Tokenizer
from jobs.ingest.vault import distinct_identities

KEY = bytes(range(32))


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 55, 56, 57, 63, 64, 65, 111, 112, 119, 120, 121, 200])
def test_tokens_are_the_first_63_bits_of_hmac_sha256(size):
    value = ("上海13800138000" * 20)[:size]
    wanted = int.from_bytes(hmac.new(KEY, f"ADDRESS:{value}".encode(), sha256).digest()[:8], "big") >> 1
    assert Tokenizer(KEY).tokens("ADDRESS", pa.array([value, value])).tolist() == [wanted, wanted]
    assert Tokenizer(KEY).token("ADDRESS", value) == wanted


def test_a_slice_of_values_gives_the_tokens_of_the_slice():
    values = pa.array([str(n) for n in range(100)])
    assert (
        Tokenizer(KEY).tokens("IMSI", values[40:50]).tolist() == Tokenizer(KEY).tokens("IMSI", values)[40:50].tolist()
    )


def test_the_same_value_of_another_kind_or_key_has_another_token():
    tokens = {Tokenizer(key).token(kind, "13800138000") for key in (KEY, KEY[::-1]) for kind in ("MSISDN", "NAME")}
    assert len(tokens) == 4


def test_two_values_under_one_token_stop_the_load():
    found = Identity("NAME", np.array([0, 1]), pa.array(["a", "b"]), np.array([7, 7]))
    with pytest.raises(ClosedLoopError, match="two values"):
        distinct_identities([(found, np.array([738000, 738000]))])
