"""Encrypts quarantined records with the key in secrets/quarantine.key; the same record of the same file gives the same bytes."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyarrow.dataset import field

from conf.errors import ClosedLoopError
from conf.settings import Settings
from jobs.lakehouse import ledger, secrets
from jobs.lakehouse.keys import registered_key

NAME = "quarantine"
NEXT = "quarantine-next"
QUARANTINE = "ops.quarantine"
NONCE_BYTES = 12


class Sealer:
    """AES-256-GCM with a nonce made from key, place and record: repeatable, and no nonce serves two records."""

    def __init__(self, key: bytes):
        self._cipher = AESGCM(hmac.new(key, b"cipher", sha256).digest())
        self._nonce_key = hmac.new(key, b"nonce", sha256).digest()

    @classmethod
    def of(cls, settings: Settings) -> Sealer:
        """The sealer of this home; WrongKey when records are sealed with another key, or are just being sealed anew."""
        if secrets.known_secret(settings, f"{NEXT}.key"):
            raise ClosedLoopError(
                f"secrets/{NEXT}.key\n  found:  a change of the quarantine's key that was cut off\n  wanted: one key for all records\n"
                "  to do:  closedloop rekey --quarantine --by NAME goes on with it"
            )
        return cls(checked_key(settings))

    def seal(self, record: bytes, place: str) -> bytes:
        """Nonce and ciphertext; `place` (file and line) is bound to it."""
        nonce = hmac.new(self._nonce_key, place.encode() + b"\0" + record, sha256).digest()[:NONCE_BYTES]
        return nonce + self._cipher.encrypt(nonce, record, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The record again; another place or key raises cryptography's InvalidTag."""
        return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())


def checked_key(settings: Settings) -> bytes:
    """The quarantine's key; WrongKey when it is not the one that sealed what is there."""
    sealed = a_sealed_row(settings)
    depends = "quarantined records are sealed with it" if sealed else None
    return registered_key(settings, NAME, depends, lambda key: sealed is not None and opens(key, sealed))


def place_of(row: dict[str, Any]) -> str:
    """What a sealed record is bound to."""
    return f"{row['file_id']}:{row['line_number']}"


def opens(key: bytes, row: dict[str, Any]) -> bool:
    """Whether a key opens the record of a row of ops.quarantine."""
    try:
        Sealer(key).open(row["raw_encrypted"], place_of(row))
    except InvalidTag:
        return False
    return True


def a_sealed_row(settings: Settings) -> dict[str, Any] | None:
    """Any row of ops.quarantine that holds a sealed record; None when there is none."""
    if not ledger.exists(settings, QUARANTINE):
        return None
    return next(iter(ledger.first_rows(settings, QUARANTINE, 1, field("raw_encrypted").is_valid())), None)
