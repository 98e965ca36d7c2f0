"""Personal values behind the tokens, once each: vault.identity gets what is new, first seen on its earliest load date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import ClosedLoopError
from jobs.ingest import commits
from jobs.ingest.byte_lines import hash_lines, mark_news
from jobs.ingest.parse import Identity
from jobs.lakehouse import delta_rs
from jobs.lakehouse.run import Run
from jobs.people.forgotten import without_forgotten
from jobs.people.tokens import digits_of
from jobs.people.vault import IDENTITY, KINDS

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class FirstSeen:
    """What a run has seen of each token, so that a value that comes in every chunk and feed is kept once."""

    def __init__(self) -> None:
        self._size, self._slots = 0, 1 << 16
        self._clear()

    def _clear(self) -> None:
        self._tokens, self._prints = np.zeros(self._slots, np.int64), np.zeros(self._slots, np.uint64)
        self._days = np.zeros(self._slots, np.int64)

    def news(self, identity: Identity, days: np.ndarray) -> tuple[Identity, np.ndarray]:
        """The part of some identities that says anything new: a token, an earlier day, or another value under a known token."""
        while 2 * (self._size + len(days)) > self._slots:
            self._grow()
        is_news = np.zeros(len(days), dtype=bool)
        is_number = pa.types.is_integer(identity.values.type)
        prints = identity.values.to_numpy().view(np.uint64) if is_number else _prints(identity.values)
        prints = prints ^ np.uint64(KINDS.index(identity.kind) << 56)  # one value of two kinds is two
        table = (self._tokens, self._prints, self._days)
        self._size += mark_news(identity.tokens, prints, days, *table, is_news)
        kept = np.flatnonzero(is_news)
        values = identity.values.take(pa.array(kept))
        if is_number:
            values = digits_of(identity.kind, values.to_numpy())
        return Identity(identity.kind, identity.first_rows[kept], values, identity.tokens[kept]), days[kept]

    def _grow(self) -> None:
        known = np.flatnonzero(self._tokens)
        tokens, prints, days = self._tokens[known], self._prints[known], self._days[known]
        self._slots *= 2
        self._clear()
        mark_news(tokens, prints, days, self._tokens, self._prints, self._days, np.zeros(len(known), dtype=bool))


def _prints(values: pa.Array) -> np.ndarray:
    """A word for each value that tells it from others, so that two values under one token are noticed."""
    texts = values.cast(pa.large_binary())
    _, ends, content = texts.buffers()
    bounds = np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    prints, unused = np.empty(len(texts), np.uint64), np.empty(len(texts), np.uint64)
    data = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    hash_lines(data, bounds[:-1], bounds[1:], prints, unused)
    return prints


def distinct_identities(found: Iterable[tuple[Identity, np.ndarray]]) -> pa.Table:
    """One row per token with the earliest load date of this run; two values under one token stop everything."""
    parts = [
        pa.table(
            {
                "token": pa.array(identity.tokens),
                "kind": pa.array([identity.kind] * len(identity.tokens), pa.string()),
                "value": identity.values,
                "first_load_date": pa.array((days - EPOCH_ORDINAL).astype(np.int32)).cast(pa.date32()),
            }
        )
        for identity, days in found
        if len(identity.tokens)
    ]
    if not parts:
        return pa.table(
            {
                "token": pa.array([], pa.int64()),
                "kind": pa.array([], pa.string()),
                "value": pa.array([], pa.string()),
                "first_load_date": pa.array([], pa.date32()),
            }
        )
    grouped = pa.concat_tables(parts).group_by(["token", "kind", "value"]).aggregate([("first_load_date", "min")])
    table = grouped.rename_columns(["token", "kind", "value", "first_load_date"])
    _refuse_collisions(table)
    return table


def merge_identities(this_run: Run, found: pa.Table) -> int:
    """Add tokens the vault does not know and bring first_load_date forward where this load is earlier; returns the new ones.

    The result is the same whatever the order of the loads: one row per token with the least load date of all.
    """
    found = without_forgotten(this_run.settings, found, this_run.run_id)
    if found.num_rows == 0:
        return 0
    known = _known_rows(this_run, found)
    place = pc.index_in(found["token"], value_set=known["token"].combine_chunks())
    new = found.filter(pc.is_null(place))
    seen = found.filter(pc.is_valid(place))
    known = known.take(pc.drop_null(place))
    _refuse_other_values(seen, known)
    earlier = seen.filter(pc.less(seen["first_load_date"], known["first_load_date"])) if seen.num_rows else seen
    for kind in KINDS:
        changed = earlier.filter(pc.equal(earlier["kind"], kind))
        added = new.filter(pc.equal(new["kind"], kind))
        if changed.num_rows:
            _rewrite_kind(this_run, kind, pa.concat_tables([changed, added]))
        elif added.num_rows:
            commits.add(this_run, IDENTITY, _sorted(added))
    return new.num_rows


def _known_rows(this_run: Run, found: pa.Table) -> pa.Table:
    """Rows of the vault under the tokens of this load, picked batch by batch: the vault itself may be larger than memory."""
    tokens = np.sort(found["token"].to_numpy())
    batches = delta_rs.batches(this_run.settings, IDENTITY, columns=found.column_names)
    picked = [batch.filter(pa.array(_is_in(batch["token"].to_numpy(), tokens))).cast(found.schema) for batch in batches]
    return pa.Table.from_batches(picked, found.schema)


def _is_in(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which values are among the sorted wanted ones."""
    place = np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)
    return wanted[place] == values


def _rewrite_kind(this_run: Run, kind: str, found: pa.Table) -> None:
    """An older date loaded late: the kind's rows once more with the earlier dates."""
    kept = (
        delta_rs.read(this_run.settings, IDENTITY, filters=[("kind", "=", kind)])
        .select(found.column_names)
        .cast(found.schema)
    )
    both = pa.concat_tables([kept, found]).group_by(["token", "kind", "value"]).aggregate([("first_load_date", "min")])
    table = both.rename_columns(["token", "kind", "value", "first_load_date"])
    _refuse_collisions(table)
    commits.replace(this_run, IDENTITY, _sorted(table), f"kind = '{kind}'")


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by("token")


def _refuse_collisions(table: pa.Table) -> None:
    _require_none(table.num_rows - pc.count_distinct(table["token"]).as_py())


def _refuse_other_values(seen: pa.Table, known: pa.Table) -> None:
    """The vault holds the same value under each token of this load it knows."""
    is_same = pc.and_(pc.equal(seen["kind"], known["kind"]), pc.equal(seen["value"], known["value"]))
    _require_none(seen.num_rows - (pc.sum(is_same).as_py() or 0))


def _require_none(collisions: int) -> None:
    if collisions:
        raise ClosedLoopError(
            f"vault.identity: found {collisions} token(s) standing for two values, wanted one value a token\n"
            "  to do:  nothing was written to the vault; closedloop rekey --by NAME gives every value another token, then run this again"
        )
