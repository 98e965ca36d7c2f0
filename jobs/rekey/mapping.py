"""From old tokens to new ones: through the vault where it knows the value, by a keyed hash of the old token where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from conf.errors import ClosedLoopError, ContractBroken
from conf.settings import Settings
from conf.tables import EVENT_ID, Table, table_of
from jobs.lakehouse.ledger import table_path
from jobs.people.tokens import Tokenizer, event_mac
from jobs.people.vault import IDENTITY, KINDS


def token_columns(table: Table) -> list[str]:
    """Columns of a table that hold tokens; ids of events are none, though their contract protects them alike."""
    columns = [column for column in table.columns if column.pii == "token" and column.name != EVENT_ID.name]
    for column in columns:
        if column.type != "bigint":
            raise ContractBroken(table.name, "tokens of type bigint", f"{column.name} {column.type}")
    return [column.name for column in columns]


def event_columns(table: Table) -> list[str]:
    """Columns of a table that hold ids of events."""
    return [column.name for column in table.columns if column.name == EVENT_ID.name and column.pii == "token"]


@dataclass(frozen=True)
class Mapping:
    """Old tokens in order, the new token of each, and the link by which ids of events are hashed once more."""

    old: np.ndarray
    new: np.ndarray
    link: bytes
    key: bytes

    @classmethod
    def of_vault(cls, settings: Settings, version: int, key: bytes, link: bytes) -> Mapping:
        """The map that follows from the vault's values at a version and a new key."""
        vault = DeltaTable(str(table_path(settings, IDENTITY)), version=version)
        found = vault.to_pyarrow_table(columns=["token", "kind", "value"])
        tokenizer = Tokenizer(key)
        old, new = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for kind in KINDS:
            rows = found.filter(pc.equal(found["kind"], kind)).combine_chunks()
            values = rows["value"].cast(pa.string()).combine_chunks()
            old.append(rows["token"].to_numpy())
            new.append(tokenizer.tokens(kind, values) if len(values) else np.empty(0, np.int64))
        before, after = np.concatenate(old), np.concatenate(new)
        if len(before) != found.num_rows or len(np.unique(after)) != len(after):
            raise ClosedLoopError(
                f"vault.identity: found {found.num_rows} rows that do not give as many tokens, wanted one token a value\n"
                "  to do:  nothing was published; remove secrets/token-next.key and run closedloop rekey again"
            )
        order = np.argsort(before)
        return cls(before[order], after[order], link, key)

    def tokens(self, tokens: np.ndarray) -> np.ndarray:
        """The new token of each."""
        known, places = self._find(tokens)
        out = np.empty(len(tokens), np.int64)
        out[known] = self.new[places[known]]
        strangers, back = np.unique(tokens[~known], return_inverse=True)
        tokenizer = Tokenizer(self.key)
        out[~known] = np.array([tokenizer.token_of_token(int(token)) for token in strangers], np.int64)[back]
        return out

    def strangers(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens whose value the vault does not hold, as those of a person who was forgotten; each once."""
        known, _ = self._find(tokens)
        return np.unique(tokens[~known])

    def batch(self, table: Table, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of a table with new tokens and identities; nulls stay."""
        for names, change in ((token_columns(table), self.tokens), (event_columns(table), self.events)):
            for name in names:
                column = batch.column(name)
                changed = change(column.fill_null(0).to_numpy(zero_copy_only=False))
                filled = pa.array(changed, pa.int64(), mask=column.is_null().to_numpy(zero_copy_only=False))
                batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), filled)
        return batch

    def events(self, ids: np.ndarray) -> np.ndarray:
        """Identities of events with the link of the new key."""
        return event_mac(self.link).of_words(ids.view(np.uint64)).view(np.int64)

    def _find(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not len(self.old):
            return np.zeros(len(tokens), bool), np.zeros(len(tokens), np.int64)
        places = np.minimum(np.searchsorted(self.old, tokens), len(self.old) - 1)
        return self.old[places] == tokens, places


def tokens_in(settings: Settings, name: str, version: int) -> Iterator[np.ndarray]:
    """All tokens of a table at a version, without nulls, column by column and batch by batch."""
    names = token_columns(table_of(name))
    found = DeltaTable(str(table_path(settings, name)), version=version).to_pyarrow_dataset()
    present = [column for column in names if column in found.schema.names]
    for batch in found.to_batches(columns=present):
        for column in batch.columns:
            yield column.drop_null().to_numpy(zero_copy_only=False)
