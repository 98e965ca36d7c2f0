"""Keyed SHA-256 of many short values in one compiled loop; equal to Python's hmac (a test holds that)."""

from __future__ import annotations

import numba as nb
import numpy as np

BLOCK = 64


def _round_constants() -> np.ndarray:
    """First 32 bits of the fractions of the cube roots of the first 64 primes (FIPS 180-4), by integer arithmetic."""
    primes: list[int] = []
    candidate = 2
    while len(primes) < 64:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return np.array([_integer_root(prime << 96, 3) & 0xFFFFFFFF for prime in primes], dtype=np.uint32)


def _integer_root(value: int, degree: int) -> int:
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low


ROUNDS = _round_constants()
START = np.array([_integer_root(p << 64, 2) & 0xFFFFFFFF for p in (2, 3, 5, 7, 11, 13, 17, 19)], dtype=np.uint32)


@nb.njit(nogil=True, cache=True, inline="always")
def _rotate(x, n):
    return np.uint32((x >> np.uint32(n)) | (x << np.uint32(32 - n)))


@nb.njit(nogil=True, cache=True)
def compress(state, block, words, rounds):
    """One 64-byte block of SHA-256 into `state` (eight 32-bit words), in place; `words` is room for 64 words."""
    for i in range(16):
        j = 4 * i
        words[i] = (
            (np.uint32(block[j]) << np.uint32(24)) | (np.uint32(block[j + 1]) << np.uint32(16))
            | (np.uint32(block[j + 2]) << np.uint32(8)) | np.uint32(block[j + 3])
        )  # fmt: skip
    for i in range(16, 64):
        x, y = words[i - 15], words[i - 2]
        s0 = _rotate(x, 7) ^ _rotate(x, 18) ^ (x >> np.uint32(3))
        s1 = _rotate(y, 17) ^ _rotate(y, 19) ^ (y >> np.uint32(10))
        words[i] = np.uint32(words[i - 16] + s0 + words[i - 7] + s1)
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for i in range(64):
        s1 = _rotate(e, 6) ^ _rotate(e, 11) ^ _rotate(e, 25)
        t1 = np.uint32(h + s1 + ((e & f) ^ (~e & g)) + rounds[i] + words[i])
        s0 = _rotate(a, 2) ^ _rotate(a, 13) ^ _rotate(a, 22)
        t2 = np.uint32(s0 + ((a & b) ^ (a & c) ^ (b & c)))
        h, g, f, e = g, f, e, np.uint32(d + t1)
        d, c, b, a = c, b, a, np.uint32(t1 + t2)
    state[0] = np.uint32(state[0] + a)
    state[1] = np.uint32(state[1] + b)
    state[2] = np.uint32(state[2] + c)
    state[3] = np.uint32(state[3] + d)
    state[4] = np.uint32(state[4] + e)
    state[5] = np.uint32(state[5] + f)
    state[6] = np.uint32(state[6] + g)
    state[7] = np.uint32(state[7] + h)


@nb.njit(nogil=True, cache=True)
def _finish(state, block, filled, message_bytes, words, rounds):
    """Pad the last block (its first `filled` bytes are message) and run it; `message_bytes` counts the key block too."""
    block[filled] = 0x80
    block[filled + 1 :] = 0
    if filled >= 56:
        compress(state, block, words, rounds)
        block[:] = 0
    bits = np.uint64(message_bytes) * np.uint64(8)
    for i in range(8):
        block[63 - i] = np.uint8((bits >> np.uint64(8 * i)) & np.uint64(0xFF))
    compress(state, block, words, rounds)


@nb.njit(nogil=True, cache=True)
def tokens_of(data, offsets, prefix, inner, outer, rounds, out):
    """First 63 bits of HMAC-SHA-256(key, prefix + value) for values laid one behind the other in `data`.

    `inner` and `outer` are the hash states after the key's two pads.
    """
    state, block, words = np.empty(8, np.uint32), np.empty(64, np.uint8), np.empty(64, np.uint32)
    for row in range(len(offsets) - 1):
        state[:] = inner
        filled = 0
        for i in range(len(prefix)):
            block[filled] = prefix[i]
            filled += 1
        for i in range(offsets[row], offsets[row + 1]):
            block[filled] = data[i]
            filled += 1
            if filled == 64:
                compress(state, block, words, rounds)
                filled = 0
        size = len(prefix) + offsets[row + 1] - offsets[row]
        _finish(state, block, filled, 64 + size, words, rounds)
        for i in range(8):
            for j in range(4):
                block[4 * i + j] = np.uint8((state[i] >> np.uint32(24 - 8 * j)) & np.uint32(0xFF))
        state[:] = outer
        _finish(state, block, 32, 96, words, rounds)
        out[row] = np.int64(((np.uint64(state[0]) << np.uint64(32)) | np.uint64(state[1])) >> np.uint64(1))


def pad_state(key: bytes, pad: int) -> np.ndarray:
    """Hash state after the key block xor `pad` (0x36 inner, 0x5C outer); keys are at most 64 bytes."""
    block = np.frombuffer(bytes(byte ^ pad for byte in key.ljust(BLOCK, b"\0")), dtype=np.uint8).copy()
    state = START.copy()
    compress(state, block, np.empty(64, np.uint32), ROUNDS)
    return state
