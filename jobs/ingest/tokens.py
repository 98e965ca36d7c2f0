"""Keyed tokens in place of personal data: HMAC-SHA-256 of kind and canonical value, its first 63 bits as BIGINT.

A plain hash of phone numbers could be tried through in minutes; without the key in secrets/ this one cannot.

Events are the same in every file for good, whatever key the tokens have: their identity is made with the home's first key and
hashed once more with a link for each key that came after it (secrets/event.keys, written by `closedloop rekey`).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256

import numpy as np
import pyarrow as pa

from conf.personal_data import load_personal_kinds
from conf.settings import Settings
from jobs.ingest.sha256_kernel import ROUNDS, pad_state, tokens_of
from jobs.ingest.siphash import rehashed, siphash_key
from jobs.lakehouse import ledger, secrets
from jobs.lakehouse.keys import registered_key, require_registered

NAME = "token"
EVENTS = "event"
EVENT_KEYS = "event.keys"
IDENTITY = "vault.identity"
KINDS = tuple(load_personal_kinds())


class Tokenizer:
    """Turns canonical values into tokens with the project's key; one per run.

    `events` are the home's first key and the links of later ones; without them the key is the first one.
    """

    def __init__(self, key: bytes, events: Sequence[bytes] = ()):
        self._key = key
        self.first = Tokenizer(events[0]) if events else self
        self._links = [siphash_key(link) for link in events[1:]]

    @classmethod
    def of(cls, settings: Settings) -> Tokenizer:
        """The tokenizer of this home, with the key in secrets/token.key; WrongKey when it is not the vault's."""
        people = ledger.count(settings, IDENTITY) if ledger.exists(settings, IDENTITY) else 0
        depends = f"{people} values in the vault stand under its tokens" if people else None
        key = registered_key(settings, NAME, depends, lambda key: _made_the_vault(settings, key))
        return cls(key, checked_event_keys(settings))

    @classmethod
    def of_file(cls, settings: Settings) -> Tokenizer:
        """The same of the key as it stands in secrets/, not held against the vault: for the step that replaces it."""
        return cls(secrets.key(settings, NAME), event_keys(settings))

    @property
    def key(self) -> bytes:
        """The key, for a step that replaces it."""
        return self._key

    @cached_property
    def _states(self) -> tuple[np.ndarray, np.ndarray]:
        return pad_state(self._key, 0x36), pad_state(self._key, 0x5C)

    @cached_property
    def event_key(self) -> tuple[np.uint64, np.uint64]:
        """Key of the identities of events: the first key's, whatever key the tokens have."""
        return siphash_key(self.first._key)

    def event_ids(self, ids: np.ndarray) -> np.ndarray:
        """Identities made with the first key as the tables hold them: hashed with the link of each later key."""
        for link in self._links:
            ids = rehashed(ids, link)
        return ids

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


def event_keys(settings: Settings) -> list[bytes]:
    """The first key and the links of later ones; empty in a home whose key was never replaced."""
    return [bytes.fromhex(line) for line in (secrets.known_secret(settings, EVENT_KEYS) or "").split()]


def checked_event_keys(settings: Settings) -> list[bytes]:
    """The same; WrongKey when they are not those the identities in bronze were made with."""
    found = event_keys(settings)
    file = settings.path(secrets.FOLDER, EVENT_KEYS)
    require_registered(settings, EVENTS, file, b"".join(found), "copies of events are found by them")
    return found


def _made_the_vault(settings: Settings, key: bytes) -> bool:
    (row,) = ledger.first_rows(settings, IDENTITY, 1)
    return Tokenizer(key).token(row["kind"], row["value"]) == row["token"]


def _buffers(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    _, offset_buffer, data_buffer = values.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    if data_buffer is None or data_buffer.size == 0:
        return offsets, np.zeros(1, dtype=np.uint8)
    return offsets, np.frombuffer(data_buffer, dtype=np.uint8)
