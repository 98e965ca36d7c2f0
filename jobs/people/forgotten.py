"""Knows a forgotten value again without holding it: by a keyed digest of its own, which outlives a change of the tokens' key."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.settings import Settings
from jobs.lakehouse import delta_rs
from jobs.lakehouse.keys import registered_key
from jobs.people.tokens import Tokenizer

FORGOTTEN = "ops.forgotten"
KEY = "forgotten"


def digester(settings: Settings) -> Tokenizer:
    """Makes the digests, with the key in secrets/forgotten.key; WrongKey when that is lost or another while somebody is forgotten."""
    is_needed = delta_rs.read(settings, FORGOTTEN, columns=["token"]).num_rows
    return Tokenizer(registered_key(settings, KEY, "erased people are known again by it" if is_needed else None))


def without_forgotten(settings: Settings, found: pa.Table, run_id: str) -> pa.Table:
    """Rows (token, kind, value, ...) less those of forgotten values; a new token of one is noted beside the old one."""
    known = delta_rs.read(settings, FORGOTTEN).to_pylist()
    if not known or not found.num_rows:
        return found
    digests = pa.array(_digests(digester(settings), found), pa.int64())
    by_digest = {row["value_digest"]: row for row in known}
    is_forgotten = pc.is_in(digests, pa.array(list(by_digest), pa.int64()))
    tokens = {row["token"] for row in known}
    blocked = zip(
        found.filter(is_forgotten)["token"].to_pylist(), digests.filter(is_forgotten).to_pylist(), strict=True
    )
    delta_rs.append(
        settings,
        FORGOTTEN,
        [by_digest[digest] | {"token": token} for token, digest in blocked if token not in tokens],
        run_id,
    )
    return found.filter(pc.invert(is_forgotten))


def _digests(tokenizer: Tokenizer, found: pa.Table) -> np.ndarray:
    digests = np.zeros(found.num_rows, np.int64)
    kinds = np.array(found["kind"].to_pylist())
    values = found["value"].combine_chunks()
    for kind in np.unique(kinds):
        places = np.flatnonzero(kinds == kind)
        digests[places] = tokenizer.tokens(str(kind), values.take(pa.array(places)).cast(pa.string()))
    return digests
