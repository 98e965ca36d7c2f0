"""Time and quality of training on a home that is there already, for `closedloop bench models`."""

from __future__ import annotations

import json
from time import perf_counter
from typing import TYPE_CHECKING

import typer

from conf.dates import DateRange
from conf.settings import Settings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def bench_models(spark: SparkSession, settings: Settings, dates: DateRange) -> list[dict]:
    """Train every model once without registering it: rows, events, seconds, AUC, linear AUC and the gain of LightGBM."""
    from jobs.scoring.train import read_material, read_rows, train_model

    started = perf_counter()
    material = read_material(spark, settings, dates)
    rows = [{"model": "(reading the snapshots)", "seconds": perf_counter() - started}]
    for name in material.config.models:
        started = perf_counter()
        candidate = train_model(material, name, *read_rows(material, name))
        auc, linear = candidate.contest.figures["auc"], candidate.contest.linear["auc"]
        rows.append(
            {
                "model": name,
                "validation_cut_off": str(material.cut_offs.validation),
                "seconds": perf_counter() - started,
                "rows": candidate.validation.label.size,
                "events": candidate.validation.events,
                "auc": auc,
                "logistic_auc": linear,
                "gain": auc - linear,
                "ece": candidate.contest.figures["ece"],
            }
        )
    return rows


def main(date: str = "2026-03-09", profile: str = "local") -> None:
    """Print the table as JSON for the home of $CLOSEDLOOP_HOME, whose customer view of the cut-offs must be published."""
    from jobs.lakehouse.session import get_session

    settings = load_settings(profile)
    rows = bench_models(get_session(settings, "bench models"), settings, DateRange.of(date))
    typer.echo(json.dumps(rows, indent=1))


if __name__ == "__main__":
    typer.run(main)
