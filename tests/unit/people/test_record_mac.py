"""Codes of many records at once: those of RFC 4493 and, record by record, of cryptography's own CMAC."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from jobs.people.record_mac import RecordMac, block_of, derived_key
from jobs.people.tokens import Tokenizer

RFC_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
RFC_CODES = {16: "070a16b46b4d4144", 64: "51f0bebf7e3b9d92"}  # first half of each, by bytes of the message


def words(message: bytes) -> list[np.ndarray]:
    """The blocks of one message."""
    return [np.frombuffer(message[at : at + 16], np.uint64).reshape(1, 2) for at in range(0, len(message), 16)]


@pytest.mark.parametrize("size", RFC_CODES)
def test_codes_are_those_of_the_rfc(size):
    assert RecordMac(RFC_KEY).of(words(RFC_MESSAGE[:size])).tobytes().hex() == RFC_CODES[size]


@pytest.mark.parametrize("blocks", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))  # the doubled block carries out of its highest bit for one key in two
def test_codes_of_many_records_are_those_of_the_library_one_by_one(blocks, seed):
    drawn = np.random.default_rng(seed)
    key = drawn.bytes(32)
    columns = [drawn.integers(0, 2**64, (50, 2), dtype=np.uint64) for _ in range(blocks)]
    wanted = []
    for row in range(50):
        code = CMAC(AES(key))
        code.update(b"".join(column[row].tobytes() for column in columns))
        wanted.append(code.finalize()[:8])
    assert RecordMac(key).of(columns).tobytes() == b"".join(wanted)


def test_a_word_fills_its_block_with_zeros_and_no_record_gives_no_code():
    mac = RecordMac(RFC_KEY)
    code = CMAC(AES(RFC_KEY))
    code.update((12345).to_bytes(16, "little"))
    assert mac.of_words(np.array([12345], np.uint64)).tobytes() == code.finalize()[:8]
    assert len(mac.of([block_of(np.empty(0, np.uint64))])) == 0


def test_each_key_and_purpose_has_codes_of_its_own_and_a_link_changes_them():
    keys = {derived_key(key, purpose) for key in (bytes(32), bytes(31) + b"1") for purpose in (b"event id", b"link")}
    assert len(keys) == 4
    ids = np.arange(10, dtype=np.uint64)
    first, later = Tokenizer(bytes(32)), Tokenizer(b"n" * 32, [bytes(32), b"l" * 32])
    assert later.event_mac.of_words(ids).tolist() == first.event_mac.of_words(ids).tolist(), "the first key's"
    assert first.event_ids(ids).tolist() == ids.tolist()
    assert not set(later.event_ids(ids).tolist()) & set(ids.tolist())
