"""Encrypts quarantined records with the key in secrets/quarantine.key; the same record of the same file gives the same bytes."""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conf.settings import Settings
from jobs.lakehouse import secrets

NONCE_BYTES = 12


class Sealer:
    """AES-256-GCM with a nonce made from key, place and record: repeatable, and no nonce serves two records."""

    def __init__(self, key: bytes):
        self._cipher = AESGCM(hmac.new(key, b"cipher", sha256).digest())
        self._nonce_key = hmac.new(key, b"nonce", sha256).digest()

    @classmethod
    def of(cls, settings: Settings) -> Sealer:
        """The sealer of this home."""
        return cls(secrets.key(settings, "quarantine"))

    def seal(self, record: bytes, place: str) -> bytes:
        """Nonce and ciphertext; `place` (file and line) is bound to it."""
        nonce = hmac.new(self._nonce_key, place.encode() + b"\0" + record, sha256).digest()[:NONCE_BYTES]
        return nonce + self._cipher.encrypt(nonce, record, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The record again; another place or key raises cryptography's InvalidTag."""
        return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
