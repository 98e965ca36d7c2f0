"""The proof of the models: on a larger province, each model's AUC beside the best anyone could reach, and the linear floor.

History is written, loaded and viewed once; a step that is done is not done again. Nothing is registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conf.models import load_models
from conf.night import load_night
from conf.settings import Settings
from conf.tables import tables_of_job
from jobs.stack.screen import NOT_COMPARABLE, model_ceilings
from jobs.stack.steps import require_step
from jobs.view.as_of import newest_built

Tell = Callable[[str], None]
# What the models owe: this near to the truth's own AUC, and so much above logistic regression where interactions were planted.
MOST_BELOW_CEILING = 0.05
LEAST_ABOVE_LOGISTIC = 0.01


@dataclass(frozen=True)
class ModelProof:
    """One model on the later cut-off: its AUC, the best possible one (None where not comparable), and logistic's."""

    model: str
    rows: int
    events: int
    auc: float
    ceiling: float | None
    logistic_auc: float
    seconds: float

    @property
    def is_kept(self) -> bool:
        """Whether the model keeps both promises; without a ceiling it must reach the AUC it is promoted with, and the linear rival's."""
        if self.ceiling is None:
            return self.auc >= max(load_models().models[self.model].thresholds.min_auc, self.logistic_auc)
        near = self.auc >= self.ceiling - MOST_BELOW_CEILING
        return near and self.auc >= self.logistic_auc + LEAST_ABOVE_LOGISTIC


def as_rows(verdicts: list[ModelProof]) -> tuple[list[str], list[tuple]]:
    """Column names and rows for the screen."""
    heads = ["model", "rows", "events", "AUC", "best possible", "logistic", "seconds", "kept"]
    return heads, [
        (
            v.model,
            f"{v.rows:,}",
            f"{v.events:,.0f}",
            f"{v.auc:.4f}",
            "not comparable" if v.ceiling is None else f"{v.ceiling:.4f}",
            f"{v.logistic_auc:.4f}",
            f"{v.seconds:.0f}",
            "yes" if v.is_kept else "NO",
        )
        for v in verdicts
    ]


def prove_models(settings: Settings, tell: Tell) -> list[ModelProof]:
    """Play the history of the profile's province and train every model once; returns a verdict a model."""
    _run(settings, tell, "the operator writes its extracts", "simulator", "history")
    history = settings.history
    for job in load_night().initial_load:
        if not _is_done(settings, job):
            days = ["--date", history.first.isoformat(), "--to", history.last.isoformat()]
            _run(settings, tell, job, "jobs.cli", "run", job, *days)
    tell("training")
    return _verdicts(settings)


def _is_done(settings: Settings, job: str) -> bool:
    """Whether a table the job makes is published up to the end of history."""
    built = [newest_built(settings, table) for table in tables_of_job(job)]
    return any(day is not None and day >= settings.history.last for day in built)


def _run(settings: Settings, tell: Tell, title: str, module: str, *words: str) -> None:
    tell(title)
    require_step(settings, [module, *words], settings.path("logs", "prove-models.log"))


def _verdicts(settings: Settings) -> list[ModelProof]:
    from conf.dates import DateRange
    from jobs.lakehouse.session import get_session
    from jobs.scoring.bench import bench_models

    last = settings.history.last
    rows = bench_models(get_session(settings, "prove models"), settings, DateRange(last, last))
    ceilings = model_ceilings(settings)
    found = []
    for row in rows:
        if "auc" in row:
            name = row["model"]
            ceiling = None if name in NOT_COMPARABLE else ceilings[f"{name}@{row['validation_cut_off']}"]
            found.append(
                ModelProof(name, row["rows"], row["events"], row["auc"], ceiling, row["logistic_auc"], row["seconds"])
            )
    return found
