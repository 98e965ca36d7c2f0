"""Tokens of whole numbers a run has met, so that each is hashed once a run and not once a chunk and column."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numba as nb
import numpy as np

FEWEST_SLOTS = 1 << 12


class KnownTokens:
    """Number -> token, kept as one open-addressing table that is at most half full; several threads may ask."""

    def __init__(self) -> None:
        self._size, self._lock = 0, Lock()
        self._numbers, self._tokens = np.zeros(FEWEST_SLOTS, np.int64), np.zeros(FEWEST_SLOTS, np.int64)

    def of(self, numbers: np.ndarray, made: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Tokens of different positive numbers; `made` gives those of numbers not met before."""
        tokens = np.zeros(len(numbers), np.int64)
        with self._lock:
            find_tokens(numbers, tokens, self._numbers, self._tokens)
            unknown = np.flatnonzero(tokens == 0)
            if len(unknown):
                tokens[unknown] = made(numbers[unknown])
                self._keep(numbers[unknown], tokens[unknown])
        return tokens

    def _keep(self, numbers: np.ndarray, tokens: np.ndarray) -> None:
        self._size += len(numbers)
        slots = len(self._numbers)
        while 2 * self._size > slots:
            slots *= 2
        if slots > len(self._numbers):
            known = np.flatnonzero(self._numbers)
            before = self._numbers[known], self._tokens[known]
            self._numbers, self._tokens = np.zeros(slots, np.int64), np.zeros(slots, np.int64)
            keep_tokens(*before, self._numbers, self._tokens)
        keep_tokens(numbers, tokens, self._numbers, self._tokens)


@nb.njit(nogil=True, cache=True)
def _slot_of(number, known_numbers):
    """Where a number stands in the table, or the free slot where it belongs."""
    mask = np.uint64(len(known_numbers) - 1)
    at = ((np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
    while known_numbers[at] != 0 and known_numbers[at] != number:
        at = (at + np.uint64(1)) & mask
    return at


@nb.njit(nogil=True, cache=True)
def find_tokens(numbers, tokens, known_numbers, known_tokens):
    """Fill in the tokens of known numbers; others keep what stands there."""
    for row in range(len(numbers)):
        at = _slot_of(numbers[row], known_numbers)
        if known_numbers[at] != 0:
            tokens[row] = known_tokens[at]


@nb.njit(nogil=True, cache=True)
def keep_tokens(numbers, tokens, known_numbers, known_tokens):
    """Put numbers and tokens into the table."""
    for row in range(len(numbers)):
        at = _slot_of(numbers[row], known_numbers)
        known_numbers[at] = numbers[row]
        known_tokens[at] = tokens[row]
