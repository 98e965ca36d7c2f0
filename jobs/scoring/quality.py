"""How good the models were when last trained, for screens and reports."""

from __future__ import annotations

from conf.models import load_models
from conf.settings import Settings
from jobs.scoring.promoted import decisions, newest_trainings


def realised_auc(settings: Settings) -> dict[str, dict]:
    """Newest training of each model: verdict, auc, logistic_auc, ece, lift_top_decile, events, version; models never trained are left out."""
    newest = newest_trainings(decisions(settings))
    shown = (
        "business_date",
        "verdict",
        "reason",
        "model_version",
        "auc",
        "logistic_auc",
        "ece",
        "log_loss",
        "spearman",
        "lift_top_decile",
        "train_rows",
        "train_events",
        "validation_rows",
        "validation_events",
    )
    return {name: {key: newest[name][key] for key in shown} for name in load_models().models if name in newest}
