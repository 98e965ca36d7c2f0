"""What the comparisons of `simulator verify` share: a difference, and tables of the lake as Polars frames."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from conf.settings import Settings


class Difference(NamedTuple):
    """One number that is not what the key says."""

    feed: str
    load_date: str
    what: str
    wanted: str
    found: str


def scan(settings: Settings, layer: str, name: str) -> pl.LazyFrame | None:
    """A table of the lake to be read column by column, None where there is none yet."""
    try:
        return pl.scan_pyarrow_dataset(DeltaTable(str(settings.path("lake", layer, name))).to_pyarrow_dataset())
    except TableNotFoundError:
        return None


def table(settings: Settings, layer: str, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    """Rows of a table of the lake."""
    path = settings.path("lake", layer, name)
    return pl.from_arrow(DeltaTable(str(path)).to_pyarrow_table(columns=columns))  # type: ignore[return-value]
