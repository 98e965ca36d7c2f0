"""Keyed tokens in place of personal data: BLAKE2b of the canonical value, personalised by its kind, the first 63 bits as BIGINT.

A plain hash of phone numbers could be tried through in minutes; without the key in secrets/ this one cannot.

Events are the same in every file for good, whatever key the tokens have: their ids are made with the home's first key and
once more with a link for each key that came after it (secrets/event.keys, written by `closedloop rekey`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.settings import Settings
from jobs.lakehouse import delta_rs, secrets
from jobs.lakehouse.keys import registered_key, require_registered
from jobs.people.record_mac import RecordMac, derived_key
from jobs.people.vault import IDENTITY, KINDS

if TYPE_CHECKING:
    from jobs.people.known_tokens import KnownTokens

NAME = "token"
EVENTS = "event"
EVENT_KEYS = "event.keys"
TOKEN_BYTES = 8
DIGITS = {"IMEI": 14}  # kinds whose values all have so many
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
        self._known: dict[str, KnownTokens] = {}
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
        copy = self._of_kind(kind).copy

        def digest(value: bytes) -> bytes:
            hashing = copy()
            hashing.update(value)
            return hashing.digest()

        packed = b"".join(map(digest, values.cast(pa.binary()).to_pylist()))
        return (np.frombuffer(packed, ">u8") >> np.uint64(1)).astype(np.int64)

    def tokens_of_numbers(self, kind: str, numbers: np.ndarray) -> np.ndarray:
        """Tokens of canonical values that are plain digits, given as different whole numbers; each is hashed once a run."""
        if kind not in self._known:
            from jobs.people.known_tokens import KnownTokens  # its compiler takes half a second to import

            self._known.setdefault(kind, KnownTokens())
        return self._known[kind].of(numbers, lambda unknown: self.tokens(kind, digits_of(kind, unknown)))

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


def digits_of(kind: str, numbers: np.ndarray) -> pa.Array:
    """The canonical writing of whole numbers: an IMEI keeps its zeros in front."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), DIGITS.get(kind, 1), "0")


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
