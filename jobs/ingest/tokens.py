"""Keyed tokens in place of personal data: HMAC-SHA-256 of kind and canonical value, its first 63 bits as BIGINT.

A plain hash of phone numbers could be tried through in minutes; without the key in secrets/ this one cannot.
"""

from __future__ import annotations

import hmac
from functools import cached_property
from hashlib import sha256

import numpy as np
import pyarrow as pa

from conf.settings import Settings
from jobs.ingest.sha256_kernel import ROUNDS, pad_state, tokens_of
from jobs.ingest.siphash import siphash_key
from jobs.lakehouse import secrets

KINDS = ("MSISDN", "NAME", "ID_NUMBER", "ADDRESS", "IMSI", "IMEI")


class Tokenizer:
    """Turns canonical values into tokens with the project's key; one per run."""

    def __init__(self, key: bytes):
        self._key = key

    @classmethod
    def of(cls, settings: Settings) -> Tokenizer:
        """The tokenizer of this home, with the key in secrets/token.key."""
        return cls(secrets.key(settings, "token"))

    @cached_property
    def _states(self) -> tuple[np.ndarray, np.ndarray]:
        return pad_state(self._key, 0x36), pad_state(self._key, 0x5C)

    @cached_property
    def event_key(self) -> tuple[np.uint64, np.uint64]:
        """Key of the identities of events."""
        return siphash_key(self._key)

    def token(self, kind: str, value: str) -> int:
        """Token of one canonical value."""
        digest = hmac.new(self._key, f"{kind}:{value}".encode(), sha256).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def tokens(self, kind: str, values: pa.Array) -> np.ndarray:
        """Tokens of many canonical values (an Arrow string array without nulls), in their order."""
        if kind not in KINDS:
            raise ValueError(f"token kind '{kind}': wanted one of {', '.join(KINDS)}")
        offsets, data = _buffers(values)
        out = np.empty(len(values), dtype=np.int64)
        prefix = np.frombuffer(f"{kind}:".encode(), dtype=np.uint8)
        tokens_of(data, offsets, prefix, *self._states, ROUNDS, out)
        return out


def _buffers(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    _, offset_buffer, data_buffer = values.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    if data_buffer is None or data_buffer.size == 0:
        return offsets, np.zeros(1, dtype=np.uint8)
    return offsets, np.frombuffer(data_buffer, dtype=np.uint8)
