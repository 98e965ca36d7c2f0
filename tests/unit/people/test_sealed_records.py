"""Sealed records: the cipher of RFC 8452, the same bytes each time, and opened only in their own place, whole, with their key."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from jobs.people.sealed_records import Sealer, place_of

KEY, PLACE = bytes(range(32)), place_of("f1", 4)
RECORD = b"01$1$13600136000$1.00$A$0$U"
RFC_VECTORS = [  # appendix C.2: record, bound data, sealed
    ("", "", "07f5f4169bbf55a8400cd47ea6fd400f"),
    ("0100000000000000", "", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"),
    ("0200000000000000", "01", "1de22967237a813291213f267e3b452f02d01ae33e4ec854"),
]


@pytest.mark.parametrize(("record", "bound", "sealed"), RFC_VECTORS)
def test_the_cipher_is_that_of_the_rfc(record, bound, sealed):
    key, nonce = bytes([1, *[0] * 31]), bytes([3, *[0] * 11])
    assert AESGCMSIV(key).encrypt(nonce, bytes.fromhex(record), bytes.fromhex(bound)).hex() == sealed


@pytest.mark.parametrize("record", [RECORD, b"", bytes(100_000)])
def test_a_record_gives_the_same_bytes_each_time_and_comes_back(record):
    sealed = Sealer(KEY).seal(record, PLACE)
    assert sealed == Sealer(KEY).seal(record, PLACE)
    assert Sealer(KEY).unseal(sealed, PLACE) == record
    assert len(sealed) == len(record) + 16


def test_no_two_places_keys_or_records_share_a_ciphertext():
    sealed = {
        Sealer(key).seal(record, place)[:16]
        for key in (KEY, KEY[::-1])
        for record in (RECORD, RECORD[:-1] + b"V")
        for place in (PLACE, place_of("f1", 5), place_of("f2", 4))
    }
    assert len(sealed) == 12
    assert not any(part in Sealer(KEY).seal(RECORD, PLACE) for part in (RECORD[:8], RECORD[8:16]))


def test_a_changed_moved_or_foreign_record_does_not_open():
    sealed = Sealer(KEY).seal(RECORD, PLACE)
    for at in range(len(sealed)):
        with pytest.raises(InvalidTag):
            Sealer(KEY).unseal(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], PLACE)
    for place in (place_of("f1", 5), place_of("f2", 4), ""):
        with pytest.raises(InvalidTag):
            Sealer(KEY).unseal(sealed, place)
    with pytest.raises(InvalidTag):
        Sealer(KEY[::-1]).unseal(sealed, PLACE)
