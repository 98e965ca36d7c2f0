"""Seals quarantined records with the key in secrets/quarantine.key: encrypted, and bound to their file and line.

AES-256-GCM-SIV (RFC 8452). A record that is read again gives the same bytes, so its nonce is made from its place and not by
chance; the SIV mode is made for that: should two records ever share a place, all that shows is whether they are equal.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from pyarrow.dataset import field

from conf.errors import ClosedLoopError
from conf.settings import Settings
from jobs.lakehouse import delta_rs, secrets
from jobs.lakehouse.keys import key_id, registered_key

NAME = "quarantine"
NEXT = "quarantine-next"
QUARANTINE = "ops.quarantine"
NONCE_BYTES = 12


class Sealer:
    """Seals records and opens them again; kind, key and place are bound to each, so none opens in the row of another."""

    def __init__(self, key: bytes):
        self._cipher = AESGCMSIV(key)
        self._kind_and_key = f"{QUARANTINE}\0{key_id(key)}\0"

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
        """Ciphertext and tag; `place` (file and line, as `place_of` writes it) is bound to them."""
        return self._cipher.encrypt(_nonce(place), record, self._bound(place))

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """The record again; another place or key, or a changed byte, raises cryptography's InvalidTag."""
        return self._cipher.decrypt(_nonce(place), sealed, self._bound(place))

    def _bound(self, place: str) -> bytes:
        return (self._kind_and_key + place).encode()


def _nonce(place: str) -> bytes:
    return sha256(place.encode()).digest()[:NONCE_BYTES]


def checked_key(settings: Settings) -> bytes:
    """The quarantine's key; WrongKey when it is not the one that sealed what is there."""
    sealed = a_sealed_row(settings)
    depends = "quarantined records are sealed with it" if sealed else None
    return registered_key(settings, NAME, depends, lambda key: sealed is not None and unseals(key, sealed))


def place_of(file_id: str, line_number: int) -> str:
    """What a sealed record is bound to."""
    return f"{file_id}:{line_number}"


def unsealed(sealer: Sealer, row: dict[str, Any]) -> bytes:
    """The record of a row of ops.quarantine."""
    return sealer.unseal(row["raw_encrypted"], place_of(row["file_id"], row["line_number"]))


def unseals(key: bytes, row: dict[str, Any]) -> bool:
    """Whether a key belongs to the record of a row of ops.quarantine."""
    try:
        unsealed(Sealer(key), row)
    except InvalidTag:
        return False
    return True


def a_sealed_row(settings: Settings) -> dict[str, Any] | None:
    """Any row of ops.quarantine that holds a sealed record; None when there is none."""
    if not delta_rs.exists(settings, QUARANTINE):
        return None
    return next(iter(delta_rs.first_rows(settings, QUARANTINE, 1, field("raw_encrypted").is_valid())), None)
