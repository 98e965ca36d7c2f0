"""Signs a list for its channel: HMAC-SHA-256 of manifest and `.done` with the channel's own key, in `<list>.sig`.

Who can write into the folder can then swap no list without the channel noticing. A channel that looks for no signature reads
its lists as before.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from conf.channels import load_channels
from conf.errors import ExportRefused, InputRefused
from conf.settings import Settings
from jobs.lakehouse import keys, secrets
from jobs.lakehouse.keys import WrongKey, key_id
from jobs.targeting.export_files import manifest_of, signature_of, write_atomically


@dataclass(frozen=True)
class SigningKey:
    """A channel's key and the id by which a signature names it."""

    secret: bytes

    @property
    def key_id(self) -> str:
        """What tells it from another key."""
        return key_id(self.secret)

    def sign(self, content: bytes) -> str:
        """HMAC-SHA-256 in hexadecimal digits."""
        return hmac.new(self.secret, content, sha256).hexdigest()

    def signature(self, manifest: bytes, done: bytes) -> bytes:
        """Content of the `.sig` file: key id and the signatures of the manifest's and the `.done` file's bytes."""
        found = {
            "key_id": self.key_id,
            "algorithm": "HMAC-SHA256",
            "manifest": self.sign(manifest),
            "done": self.sign(done),
        }
        return (json.dumps(found, indent=1) + "\n").encode()


def signing_key(settings: Settings, channel_code: str) -> SigningKey:
    """The key of a channel, made on first use; ExportRefused when the channel was given another one before."""
    name = _name(channel_code)
    depends = "the channel checks its lists by it" if keys.in_use(settings, name) else None
    try:
        return SigningKey(keys.registered_key(settings, name, depends))
    except WrongKey as error:
        raise ExportRefused(f"{error}\n  or:     closedloop channel-key {channel_code} --new --by NAME") from None


def write_signature(settings: Settings, target: Path, done: bytes, key: SigningKey | None = None) -> None:
    """Sign a list's manifest as it lies there and the `.done` that is about to be written; whoever changes one signs again.

    `key` is that of the list's channel, where it is at hand.
    """
    signing = key or signing_key(settings, target.parent.name)
    write_atomically(
        settings.path("exports"), signature_of(target), signing.signature(manifest_of(target).read_bytes(), done)
    )


def new_signing_key(settings: Settings, channel_code: str, by: str) -> SigningKey:
    """Put another key in place of a channel's, in a person's name; its next lists are signed with it."""
    if not by.strip():
        raise InputRefused("channel-key --new: found nobody, wanted --by NAME")
    name, text = _name(channel_code), secrets.new_key()
    secrets.replace_secret(settings, f"{name}.key", text)
    keys.register(settings, name, bytes.fromhex(text), by.strip())
    return SigningKey(bytes.fromhex(text))


def _name(channel_code: str) -> str:
    if channel_code not in load_channels():
        raise InputRefused(f"channel '{channel_code}'\n  wanted: one of {', '.join(load_channels())}")
    return f"channel-{channel_code}"
