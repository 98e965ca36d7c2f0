"""Keyed tokens in place of personal data: BLAKE2b of the canonical value, personalised by its kind, the first 63 bits as BIGINT.

A plain hash of phone numbers could be tried through in minutes; without the key in secrets/ this one cannot.

Events are the same in every file for good, whatever key the tokens have: their ids are made with the home's first key and
once more with a link for each key that came after it (secrets/event.keys, written by `closedloop rekey`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from conf.settings import Settings
from jobs.lakehouse import delta_rs, secrets
from jobs.lakehouse.keys import registered_key, require_registered
from jobs.people.record_mac import RecordMac, derived_key
from jobs.people.vault import IDENTITY, KINDS

NAME = "token"
EVENTS = "event"
EVENT_KEYS = "event.keys"
TOKEN_BYTES = 8
MANY_VALUES = 2_000  # from here on compiled code pays for its import
_OF_NO_VALUE = "token"  # kind, which no value has, of a token whose value nobody holds any more


class Tokenizer:
    """Turns canonical values into tokens with the project's key; one per run.

    `events` are the home's first key and the links of later ones; without them the key is the first one.
    """

    def __init__(self, key: bytes, events: Sequence[bytes] = ()):
        self._key = key
        self._started = {
            kind: blake2b(key=key, digest_size=TOKEN_BYTES, person=kind.encode()) for kind in (*KINDS, _OF_NO_VALUE)
        }
        self._states: dict[str, np.ndarray] = {}  # the same for compiled code, where it was asked for
        self.first = Tokenizer(events[0]) if events else self
        self._links = [event_mac(link) for link in events[1:]]

    @classmethod
    def of(cls, settings: Settings) -> Tokenizer:
        """The tokenizer of this home, with the key in secrets/token.key; WrongKey when it is not the vault's."""
        people = delta_rs.count(settings, IDENTITY) if delta_rs.exists(settings, IDENTITY) else 0
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
    def event_mac(self) -> RecordMac:
        """What makes ids of records: the first key's, whatever key the tokens have."""
        return event_mac(self.first._key)

    def event_ids(self, ids: np.ndarray) -> np.ndarray:
        """Ids made with the first key as the tables hold them: once more with the link of each later key."""
        for link in self._links:
            ids = link.of_words(ids)
        return ids

    def token(self, kind: str, value: str) -> int:
        """Token of one canonical value."""
        return int.from_bytes(self._digest(kind, value.encode()), "big") >> 1

    def tokens(self, kind: str, values: pa.Array) -> np.ndarray:
        """Tokens of many canonical values (an Arrow string array without nulls, best each once), in their order."""
        texts = values.cast(pa.binary())
        if len(texts) >= MANY_VALUES:
            found = self._of_many(kind, texts)
            if found is not None:
                return found
        packed = b"".join(self._digest(kind, value) for value in texts.to_pylist())
        return (np.frombuffer(packed, ">u8") >> np.uint64(1)).astype(np.int64)

    def _of_many(self, kind: str, texts: pa.Array) -> np.ndarray | None:
        """The same in compiled code; None when some value is empty or longer than a block."""
        from jobs.people import blake2b as compiled  # its compiler takes half a second to import: not for a few values

        _, ends, content = texts.buffers()
        offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        sizes = np.diff(offsets)
        if sizes.min() < 1 or sizes.max() > compiled.BLOCK_BYTES:
            return None
        if kind not in self._states:
            self._of_kind(kind)
            self._states[kind] = compiled.keyed_state(self._key, TOKEN_BYTES, kind.encode())
        words = np.empty(len(texts), np.uint64)
        compiled.first_words(self._states[kind], np.frombuffer(content, np.uint8), offsets, words)
        return (words.byteswap() >> np.uint64(1)).astype(np.int64)

    def token_of_token(self, token: int) -> int:
        """What takes the place of another key's token when nobody holds its value any more."""
        return self.token(_OF_NO_VALUE, str(token))

    def _digest(self, kind: str, value: bytes) -> bytes:
        hashing = self._of_kind(kind).copy()
        hashing.update(value)
        return hashing.digest()

    def _of_kind(self, kind: str) -> blake2b:
        if kind not in self._started:
            raise ValueError(f"token kind '{kind}': wanted one of {', '.join(KINDS)}")
        return self._started[kind]


def event_mac(key: bytes) -> RecordMac:
    """What makes ids of events with this key or link."""
    return RecordMac(derived_key(key, b"event id"))


def event_keys(settings: Settings) -> list[bytes]:
    """The first key and the links of later ones; empty in a home whose key was never replaced."""
    return [bytes.fromhex(line) for line in (secrets.known_secret(settings, EVENT_KEYS) or "").split()]


def checked_event_keys(settings: Settings) -> list[bytes]:
    """The same; WrongKey when they are not those the event ids in bronze were made with."""
    found = event_keys(settings)
    file = settings.path(secrets.FOLDER, EVENT_KEYS)
    require_registered(settings, EVENTS, file, b"".join(found), "copies of events are found by them")
    return found


def _made_the_vault(settings: Settings, key: bytes) -> bool:
    (row,) = delta_rs.first_rows(settings, IDENTITY, 1)
    return Tokenizer(key).token(row["kind"], row["value"]) == row["token"]
