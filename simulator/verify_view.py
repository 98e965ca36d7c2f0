"""Fill rates of the customer view against the answer key: every one of the 50 fields at every snapshot date kept."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from conf.settings import Settings
from simulator.fill_rates import read_fill_rates
from simulator.verify_with import Difference, scan

VIEW = "customer_360"


def compare_fill_rates(settings: Settings) -> tuple[pl.DataFrame, list[Difference], list[str]]:
    """One row a date and field (wanted, most, found), the differences, and a note where the view is not built at all.

    The view holds the snapshot dates kept that it has reached; one of them missing is a difference.
    """
    kept, view = read_fill_rates(Path(settings.home)), scan(settings, "gold", VIEW)
    built = set(view.select(pl.col("snapshot_date").unique()).collect()["snapshot_date"]) if view is not None else set()
    if view is None or not built:
        return pl.DataFrame(), [], ["gold.customer_360 is not built yet: fill rates not compared"]
    tables, differences = [], []
    for day, wanted in kept.items():
        if day > max(built):
            continue
        if day not in built:
            differences.append(Difference(VIEW, str(day), "snapshot date", "built", "not there"))
            continue
        rows = _with_found(view, day, wanted)
        tables.append(rows)
        differences += _outside(rows)
    return pl.concat(tables) if tables else pl.DataFrame(), differences, []


def _with_found(view: pl.LazyFrame, day: date, wanted: pl.DataFrame) -> pl.DataFrame:
    fields = wanted["field"].to_list()
    live = view.filter((pl.col("snapshot_date") == day) & pl.col("is_live"))
    found = live.select(pl.len().alias("rows"), *[pl.col(name).count() for name in fields]).collect()
    return wanted.with_columns(
        snapshot_date=pl.lit(day),
        rows_found=pl.lit(int(found["rows"][0])),
        found=pl.Series([int(found[name][0]) for name in fields], dtype=pl.Int64),
    )


def _outside(rows: pl.DataFrame) -> list[Difference]:
    wrong = rows.filter(~pl.col("found").is_between("fewest", "most") | (pl.col("rows") != pl.col("rows_found")))
    return [
        Difference(
            VIEW,
            str(row["snapshot_date"]),
            f"filled {row['field']} of {row['rows']} live rows ({row['rows_found']} found)",
            str(row["fewest"]) if row["fewest"] == row["most"] else f"{row['fewest']} to {row['most']}",
            str(row["found"]),
        )
        for row in wrong.iter_rows(named=True)
    ]
