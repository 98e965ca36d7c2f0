"""The answer key's truth: 30-day probabilities of every subscription on a date, what then happened, and the best possible AUC."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from simulator import clock, hazards, horizon, key
from simulator.changes import CRBT_LOST, CRBT_WON, LEFT, NEWSPAPER_WON
from simulator.facts import Facts
from simulator.graph import ties
from simulator.state import State
from simulator.world import NORMAL

COLUMNS = {
    "churn_offnet": "p_churn_offnet",
    "churn_crbt": "p_churn_crbt",
    "propensity_crbt": "p_propensity_crbt",
    "propensity_newspaper": "p_propensity_newspaper",
    "influence_adoption": "expected_adoptions_caused",
}
LABELS = {model: f"label_{model}" for model in COLUMNS}


def snapshot(state: State, facts: Facts, day: int, intensity: float = 1.0) -> pl.DataFrame:
    """One row per live subscription as of the end of a day; a probability is null outside the model's population."""
    who = np.flatnonzero(state.live & (state.kind == NORMAL))
    columns: dict[str, np.ndarray | pl.Series] = {
        "who": who,
        "subscription_id": pl.Series(state.user_id(who)).cast(pl.String),
    }
    chance = horizon.chances(state, facts, day, intensity)
    for model in hazards.MODELS:
        inside = hazards.population(state, facts, model)[who]
        columns[COLUMNS[model]] = pl.Series(chance[model][who]).zip_with(pl.Series(inside), _nulls(len(who)))
    caused = adoptions_caused(state, facts, day, chance["propensity_crbt"])[who]
    holders = hazards.population(state, facts, "churn_crbt")[who]
    columns[COLUMNS["influence_adoption"]] = pl.Series(caused).zip_with(pl.Series(holders), _nulls(len(who)))
    return pl.DataFrame(columns)


def _nulls(count: int) -> pl.Series:
    return pl.Series([None], dtype=pl.Float64).new_from_index(0, count)


def adoptions_caused(state: State, facts: Facts, day: int, adopts: np.ndarray) -> np.ndarray:
    """CRBT adoptions each subscription is expected to bring about within 30 days among its contacts, who adopt with these chances."""
    loud = hazards.loudness(state, facts, day)
    heard = hazards.exposure(state, loud)
    open_minded = hazards.population(state, facts, "propensity_crbt")
    chance = np.where(open_minded, adopts * (1 - np.exp(-hazards.pull(facts, heard))), 0.0)
    place, contact, share = ties(state, np.arange(state.size))
    part = share * loud[contact] / np.maximum(heard[place], 1e-12)
    return np.bincount(contact, weights=chance[place] * part, minlength=state.size)


def with_labels(rows: pl.DataFrame, events: pl.DataFrame, day: int) -> pl.DataFrame:
    """Add what happened within 30 days after the date: 1 or 0 per model (adoptions caused: their number)."""
    window = events.filter(pl.col("day").is_between(day + 1, day + hazards.HORIZON))
    kinds = {
        "churn_offnet": LEFT,
        "churn_crbt": CRBT_LOST,
        "propensity_crbt": CRBT_WON,
        "propensity_newspaper": NEWSPAPER_WON,
    }
    labelled = rows
    for model, kind in kinds.items():
        happened = window.filter(pl.col("kind") == kind)["who"].unique()
        inside = pl.col(COLUMNS[model]).is_not_null()
        label = pl.when(inside).then(pl.col("who").is_in(happened.implode()).cast(pl.Int64))
        labelled = labelled.with_columns(label.alias(LABELS[model]))
    caused = window.filter((pl.col("kind") == CRBT_WON) & (pl.col("cause") >= 0)).group_by("cause").agg(n=pl.len())
    joined = labelled.join(caused.rename({"cause": "who"}), on="who", how="left", maintain_order="left")
    return joined.with_columns(pl.col("n").fill_null(0).cast(pl.Int64).alias(LABELS["influence_adoption"])).drop("n")


def path_of(home: Path, day: date) -> Path:
    """Where the truth of a date lies."""
    return Path(home) / "answer_key" / "truth" / f"{day}.parquet"


def save_snapshot(home: Path, state: State, facts: Facts, day: date, intensity: float) -> None:
    """Keep the truth of a date; labels come once 30 days have passed."""
    rows = snapshot(state, facts, clock.day_number(day), intensity)
    key.save(
        rows.with_columns([pl.lit(None, dtype=pl.Int64).alias(name) for name in LABELS.values()]), path_of(home, day)
    )


def fill_labels(home: Path, events: pl.DataFrame, last: date) -> None:
    """Fill the labels of every kept date whose 30 days have passed."""
    for path in sorted((Path(home) / "answer_key" / "truth").glob("20*.parquet")):
        number = clock.day_number(date.fromisoformat(path.stem))
        if number + hazards.HORIZON <= clock.day_number(last):
            rows = pl.read_parquet(path).drop(list(LABELS.values()))
            key.save(with_labels(rows, events, number), path)


def event_frame(events: list[dict[str, np.ndarray]]) -> pl.DataFrame:
    """Realised events: day, who, kind (0 left the network, 1 gave CRBT back, 2 adopted CRBT, 3 adopted the newspaper), cause (who brought it about, or -1), campaign."""
    names = ("day", "who", "kind", "cause", "campaign")
    return pl.DataFrame(
        {
            name: np.concatenate([np.asarray(event[name], dtype=np.int64) for event in events]) if events else []
            for name in names
        }
    )


def ceiling_auc(home: Path, day: date | str, model: str) -> float:
    """AUC of the true 30-day probability against what happened: a model that knew every cause would do no better, but for chance.

    The probability knows what a view cannot (habits, regimes) and foresees clocks and regimes, see simulator/horizon.py.
    For influence_adoption the people are CRBT subscribers and the label is "brought about at least one adoption".
    """
    rows = pl.read_parquet(path_of(home, date.fromisoformat(day) if isinstance(day, str) else day))
    known = rows.filter(pl.col(COLUMNS[model]).is_not_null() & pl.col(LABELS[model]).is_not_null())
    return area_under_curve(known[COLUMNS[model]].to_numpy(), known[LABELS[model]].to_numpy() > 0)


def known_ceilings(home: Path) -> dict[str, float]:
    """Ceiling by `model@date` for every kept date whose 30 days have passed."""
    found = {}
    for path in sorted((Path(home) / "answer_key" / "truth").glob("20*.parquet")):
        for model in COLUMNS:
            value = ceiling_auc(home, path.stem, model)
            if value == value:  # not a number: no outcome yet
                found[f"{model}@{path.stem}"] = round(value, 4)
    return found


def area_under_curve(score: np.ndarray, label: np.ndarray) -> float:
    """Chance that a case with the event scores above one without it; ties count half."""
    rank = pl.Series(score).rank("average").to_numpy()
    events = int(label.sum())
    if events in (0, len(label)):
        return float("nan")
    return float((rank[label].sum() - events * (events + 1) / 2) / (events * (len(label) - events)))
