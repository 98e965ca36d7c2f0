"""AES-CMAC (NIST SP 800-38B) of many messages of whole blocks at once: each block of all messages is one call of the cipher.

Without the key in secrets/ nobody can try telephone numbers through until a code fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES = 16
_REDUCTION = 0x87  # of the field of 2**128 elements
_ALL_BITS = (1 << 8 * BLOCK_BYTES) - 1


def derived_key(key: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for one purpose (at most 16 bytes), from which the first one does not follow."""
    return blake2b(key=key, digest_size=32, person=purpose).digest()


class RecordMac:
    """Message authentication codes of records under one AES key."""

    def __init__(self, key: bytes):
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # the bare block cipher; `of` chains the blocks
        once = int.from_bytes(self._encrypted(np.zeros((1, 2), np.uint64)).tobytes(), "big") << 1
        whole_block = (once & _ALL_BITS) ^ (_REDUCTION if once > _ALL_BITS else 0)
        self._whole_block = np.frombuffer(whole_block.to_bytes(BLOCK_BYTES, "big"), np.uint64)

    def of(self, blocks: Sequence[np.ndarray]) -> np.ndarray:
        """First 64 bits of each message's code; `blocks` holds the first block of all messages (rows of two words), the second, ..."""
        state = np.zeros((len(blocks[0]), 2), np.uint64)
        for block in blocks[:-1]:
            state = self._encrypted(state ^ block)
        return self._encrypted(state ^ blocks[-1] ^ self._whole_block)[:, 0]

    def of_words(self, words: np.ndarray) -> np.ndarray:
        """The same of messages of one word each, its block filled up with zeros."""
        return self.of([block_of(words)])

    def _encrypted(self, state: np.ndarray) -> np.ndarray:
        cipher = self._cipher.encryptor()
        return np.frombuffer(cipher.update(state.tobytes()), np.uint64).reshape(-1, 2)


def block_of(first: np.ndarray, second: np.ndarray | None = None) -> np.ndarray:
    """One block of each message from its two words of 64 bits; without a second one it is zero."""
    block = np.zeros((len(first), 2), np.uint64)
    block[:, 0] = first
    if second is not None:
        block[:, 1] = second
    return block
