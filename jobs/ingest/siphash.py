"""SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short inputs, equal to the authors' vectors (a test holds that).

Without the key in secrets/ nobody can try telephone numbers through until a hash fits.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

import numba as nb
import numpy as np

WORD_BYTES = 8


def siphash_key(key: bytes) -> tuple[np.uint64, np.uint64]:
    """The two halves of the hash's key, made from the project's token key."""
    digest = hmac.new(key, b"event identity", sha256).digest()
    return np.uint64(int.from_bytes(digest[:8], "little")), np.uint64(int.from_bytes(digest[8:16], "little"))


@nb.njit(nogil=True, cache=True)
def _rotated(value, bits):
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@nb.njit(nogil=True, cache=True)
def _mixed(v0, v1, v2, v3):
    """One round of SipHash."""
    v0 += v1
    v2 += v3
    v1 = _rotated(v1, 13) ^ v0
    v3 = _rotated(v3, 16) ^ v2
    v0 = _rotated(v0, 32)
    v2 += v1
    v0 += v3
    v1 = _rotated(v1, 17) ^ v2
    v3 = _rotated(v3, 21) ^ v0
    return v0, v1, _rotated(v2, 32), v3


@nb.njit(nogil=True, cache=True)
def siphash(words, k0, k1, out):
    """SipHash-2-4 of each row of words of 64 bits (bytes in little-endian order)."""
    size = words.shape[1]
    last = np.uint64((WORD_BYTES * size) & 0xFF) << np.uint64(56)
    for row in range(len(words)):
        v0, v1 = k0 ^ np.uint64(0x736F6D6570736575), k1 ^ np.uint64(0x646F72616E646F6D)
        v2, v3 = k0 ^ np.uint64(0x6C7967656E657261), k1 ^ np.uint64(0x7465646279746573)
        for place in range(size + 1):
            word = words[row, place] if place < size else last
            v3 ^= word
            v0, v1, v2, v3 = _mixed(v0, v1, v2, v3)
            v0, v1, v2, v3 = _mixed(v0, v1, v2, v3)
            v0 ^= word
        v2 ^= np.uint64(0xFF)
        for _ in range(4):
            v0, v1, v2, v3 = _mixed(v0, v1, v2, v3)
        out[row] = v0 ^ v1 ^ v2 ^ v3


def rehashed(values: np.ndarray, key: tuple[np.uint64, np.uint64]) -> np.ndarray:
    """SipHash of each of these words of 64 bits."""
    out = np.empty(len(values), dtype=np.uint64)
    siphash(np.ascontiguousarray(values, dtype=np.uint64).reshape(-1, 1), *key, out)
    return out
