"""Which key a home was built with: a lost or exchanged key is refused while something depends on it, never replaced in silence.

The keys stand in secrets/; ops.key_register holds an id of each, made from it one way, so a restored or mistyped home is
noticed before a second key makes second tokens of the same people.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from conf.errors import ClosedLoopError
from conf.settings import Settings
from jobs.lakehouse import delta_rs, secrets

REGISTER = "ops.key_register"
BY_ITSELF = "pipeline"
_ID_DIGITS = 16
# How what stands under a key is made. What was made another way is not read: its tokens and seals would fit nothing of today.
SCHEMES = {
    "token": "BLAKE2b, 63 bits",
    "event": "AES-CMAC, 64 bits",
    "forgotten": "BLAKE2b, 63 bits",
    "quarantine": "AES-256-GCM-SIV",
}


class WrongKey(ClosedLoopError):
    """The key in secrets/ is missing, or is not the one the home was built with."""


class FormerScheme(ClosedLoopError):
    """What depends on the key was made with it in a way this release no longer knows."""


def key_id(key: bytes) -> str:
    """What tells one key from another and gives none away."""
    return hmac.new(key, b"closedloop key id", sha256).hexdigest()[:_ID_DIGITS]


def registered_key(
    settings: Settings, name: str, depends: str | None, fits: Callable[[bytes], bool] = lambda _: True
) -> bytes:
    """The key secrets/<name>.key; made and registered on first use.

    `depends` says what cannot be read without it (None: nothing yet, so that a new key harms nobody); `fits` tries a key that
    is not registered, as in a home older than the register. Raises WrongKey when something depends on another key, FormerScheme
    when it was made another way.
    """
    row = _row_in_use(settings, name)
    known = row["key_id"] if row else None
    file = settings.path(secrets.FOLDER, f"{name}.key")
    if depends and row and row.get("scheme") != SCHEMES.get(name):
        raise FormerScheme(
            f"{file}\n  found:  {row.get('scheme') or 'a scheme of before'}: {depends}\n  wanted: {SCHEMES.get(name)}\n"
            "  to do:  load the files anew into an empty home (the demo: make reset, then make demo); nothing was written"
        )
    if depends and secrets.known_secret(settings, file.name) is None:
        raise WrongKey(_words(file, "no key", known, depends))
    key = secrets.key(settings, name)
    found = key_id(key)
    if known == found and depends:
        return key
    if depends and (known is not None or not fits(key)):
        raise WrongKey(_words(file, f"another key, {found}", known, depends))
    register(settings, name, key, BY_ITSELF)
    return key


def require_registered(settings: Settings, name: str, file: Path, found: bytes, depends: str) -> None:
    """Raise WrongKey unless what a file of secrets/ holds is what was registered; nothing registered demands nothing."""
    known = in_use(settings, name)
    if known is not None and key_id(found) != known:
        raise WrongKey(_words(file, "others" if found else "none", known, depends))


def _words(file: object, found: str, known: str | None, depends: str) -> str:
    wanted = f"the key {known}" if known else "the key it was made with"
    return (
        f"{file}\n  found:  {found}\n  wanted: {wanted}: {depends}\n"
        "  to do:  bring secrets/ back from the backup made with this lake; no new key was made and nothing was written"
    )


def in_use(settings: Settings, name: str) -> str | None:
    """Id of the registered key of that name that is not retired."""
    row = _row_in_use(settings, name)
    return row["key_id"] if row else None


def _row_in_use(settings: Settings, name: str) -> dict[str, Any] | None:
    return next((row for row in _rows(settings, name) if row["retired_at"] is None), None)


def register(settings: Settings, name: str, key: bytes, by: str) -> None:
    """Note a key as the one in use from now on, and the one before as retired, in one commit."""
    now, new, scheme = datetime.now(UTC), key_id(key), SCHEMES.get(name)
    known = _row_in_use(settings, name)
    if known and (known["key_id"], known.get("scheme")) == (new, scheme):
        return
    rows = [row | {"retired_at": row["retired_at"] or now} for row in _rows(settings, name) if row["key_id"] != new]
    rows.append(
        {"key_name": name, "key_id": new, "scheme": scheme, "first_used_at": now, "retired_at": None, "changed_by": by}
    )
    delta_rs.replace(settings, REGISTER, rows, f"key_name = '{name}'")


def _rows(settings: Settings, name: str) -> list[dict[str, Any]]:
    return delta_rs.read(settings, REGISTER, filters=[("key_name", "=", name)]).to_pylist()
