"""Finds many byte patterns in one pass: a rolling hash of every window that begins as a pattern does, then an exact comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numba as nb
import numpy as np

BASE = np.uint64(0x9E3779B97F4A7C15)
_FILTER_BITS_A_PATTERN = 32
_ROOM = 4096  # candidates of one block; a block with more is read in halves


class Matcher:
    """Patterns of bytes with what each stands for."""

    def __init__(self, patterns: Mapping[bytes, str]):
        self._kinds = dict(patterns)
        self.longest = max((len(pattern) for pattern in patterns), default=1)
        lengths: list[set[int]] = [set() for _ in range(256)]
        for pattern in self._kinds:
            lengths[pattern[0]].add(len(pattern))
        self._counts = np.array([len(found) for found in lengths], np.int64)
        self._lengths = np.zeros((256, max(1, int(self._counts.max()))), np.int64)
        for first, found in enumerate(lengths):
            self._lengths[first, : len(found)] = sorted(found)
        self._powers = _powers(self.longest + 1)
        bits = 1 << max(16, int(len(self._kinds) * _FILTER_BITS_A_PATTERN).bit_length())
        self._filter = np.zeros(bits // 64, np.uint64)
        for pattern in self._kinds:
            _note(np.frombuffer(pattern, np.uint8), self._filter)

    def find(self, content: bytes, start: int = 0) -> Iterator[tuple[int, bytes, str]]:
        """(position, pattern, kind) of each that stands in the content and ends behind `start`."""
        if len(content) == 0:
            return
        data = np.frombuffer(content, np.uint8)
        sums = np.empty(len(data) + 1, np.uint64)
        _sum(data, sums)
        room = _ROOM
        while True:
            at, sizes = np.empty(room, np.int64), np.empty(room, np.int64)
            found = _find(data, sums, self._powers, self._lengths, self._counts, self._filter, at, sizes)
            if found <= room:
                break
            room = found
        for position, size in zip(at[:found].tolist(), sizes[:found].tolist(), strict=True):
            pattern = content[position : position + size]
            kind = self._kinds.get(pattern)
            if kind is not None and position + size > start:
                yield position, pattern, kind


@nb.njit(nogil=True, cache=True)
def _powers(count):
    powers = np.ones(count, np.uint64)
    for place in range(1, count):
        powers[place] = powers[place - 1] * BASE
    return powers


@nb.njit(nogil=True, cache=True)
def _sum(data, sums):
    sums[0] = np.uint64(0)
    for place in range(len(data)):
        sums[place + 1] = sums[place] * BASE + np.uint64(data[place]) + np.uint64(1)


@nb.njit(nogil=True, cache=True)
def _mixed(value):
    value ^= value >> np.uint64(29)
    value *= np.uint64(0xBF58476D1CE4E5B9)
    return value ^ (value >> np.uint64(32))


@nb.njit(nogil=True, cache=True)
def _note(pattern, bits):
    value = np.uint64(0)
    for byte in pattern:
        value = value * BASE + np.uint64(byte) + np.uint64(1)
    mixed = _mixed(value)
    for part in (mixed, mixed >> np.uint64(32)):
        place = part & np.uint64(len(bits) * 64 - 1)
        bits[place >> np.uint64(6)] |= np.uint64(1) << (place & np.uint64(63))


@nb.njit(nogil=True, cache=True, inline="always")
def _is_noted(place, bits):
    return bits[place >> np.uint64(6)] >> (place & np.uint64(63)) & np.uint64(1)


@nb.njit(nogil=True, cache=True)
def _find(data, sums, powers, lengths, counts, bits, at, sizes):
    found = 0
    last = len(data)
    mask = np.uint64(len(bits) * 64 - 1)
    for start in range(last):
        first = data[start]
        for number in range(counts[first]):
            size = lengths[first, number]
            if start + size > last:
                break
            mixed = _mixed(sums[start + size] - sums[start] * powers[size])
            if _is_noted(mixed & mask, bits) and _is_noted(mixed >> np.uint64(32) & mask, bits):
                if found < len(at):
                    at[found] = start
                    sizes[found] = size
                found += 1
    return found
