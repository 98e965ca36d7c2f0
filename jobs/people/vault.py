"""What a token stands for: the readers of vault.identity. Only ingest writes it, once for each value."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from pyarrow.dataset import field

from conf.personal_data import load_personal_kinds
from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.pins import pinned
from jobs.lakehouse.places import open_table

IDENTITY = "vault.identity"
KINDS = tuple(load_personal_kinds())
MSISDN = "MSISDN"


def numbers(settings: Settings, tokens: pa.Array) -> pa.Table:
    """Canonical numbers of these tokens, of those the vault holds: token and value."""
    if not delta_rs.exists(settings, IDENTITY) or not len(tokens):
        return pa.table({"token": pa.array([], pa.int64()), "value": pa.array([], pa.string())})
    is_asked = (field("kind") == MSISDN) & field("token").isin(tokens)
    held = open_table(settings, IDENTITY, pinned(settings, IDENTITY)).to_pyarrow_dataset()
    return held.to_table(["token", "value"], filter=is_asked)


def known_token(settings: Settings, kind: str, value: str) -> int | None:
    """The token under which the vault holds a canonical value; None when no feed ever named it."""
    found = delta_rs.read(settings, IDENTITY, [("kind", "=", kind), ("value", "=", value)], columns=["token"])
    return next(iter(found["token"].to_pylist()), None)


def values_of(settings: Settings, tokens: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Kind and value in clear by token, of those the vault holds."""
    found = delta_rs.read(settings, IDENTITY, [("token", "in", sorted(tokens))], columns=["token", "kind", "value"])
    return {row["token"]: (row["kind"], row["value"]) for row in found.to_pylist()}
