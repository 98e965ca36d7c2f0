"""What a token stands for: the readers of vault.identity. Only ingest writes it, once for each value."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from conf.personal_data import load_personal_kinds
from conf.settings import Settings
from jobs.lakehouse import delta_rs

IDENTITY = "vault.identity"
KINDS = tuple(load_personal_kinds())
MSISDN = "MSISDN"


def numbers(settings: Settings, tokens: Iterable[int] | None = None) -> dict[int, str]:
    """Canonical numbers by token: of all the vault knows, or of these tokens."""
    found = delta_rs.read(settings, IDENTITY, [("kind", "=", MSISDN)], columns=["token", "value"])
    if tokens is not None:
        found = found.filter(pc.is_in(found["token"], pa.array(sorted(tokens), pa.int64())))
    return dict(zip(found["token"].to_pylist(), found["value"].to_pylist(), strict=True))


def known_token(settings: Settings, kind: str, value: str) -> int | None:
    """The token under which the vault holds a canonical value; None when no feed ever named it."""
    found = delta_rs.read(settings, IDENTITY, [("kind", "=", kind), ("value", "=", value)], columns=["token"])
    return next(iter(found["token"].to_pylist()), None)


def values_of(settings: Settings, tokens: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Kind and value in clear by token, of those the vault holds."""
    found = delta_rs.read(settings, IDENTITY, [("token", "in", sorted(tokens))], columns=["token", "kind", "value"])
    return {row["token"]: (row["kind"], row["value"]) for row in found.to_pylist()}
