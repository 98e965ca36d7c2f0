"""A trained model against the champion: same rows where that is fair, one decision, and what is kept of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date

from conf.models import ModelsConfig, ModelSpec
from conf.settings import Settings
from jobs.scoring import promoted
from jobs.scoring.matrix import CUSTOMER_360, CutOffs
from jobs.scoring.promoted import PROMOTED, REFUSED, UNCHANGED, Champion
from models import metrics, plots, registry
from models.artifact import Bundle, Predictor
from models.errors import ModelRefused
from models.features import FeatureContract, extended
from models.promotion import Decision, Evidence, decide_promotion
from models.training import Contest, TrainingSet, scoring_cost, typical_row


@dataclass(frozen=True)
class Candidate:
    """One trained model with the rows that made and judged it."""

    name: str
    spec: ModelSpec
    contest: Contest
    train: TrainingSet
    validation: TrainingSet
    cut_offs: CutOffs
    label_end: date
    training_date: date
    table_path: str
    table_version: int


def decide_and_register(settings: Settings, candidate: Candidate, config: ModelsConfig) -> dict:
    """Register the candidate unless it exists already, and return its row for ops.model_run, which promotes or refuses it."""
    digest = candidate.contest.bundle.sha256
    kept = _kept_version(settings, candidate.name, digest, config)
    current = promoted.champion(settings, candidate.name)
    if current and current.version.sha256 == digest:
        if kept:
            return _row(candidate, Decision(UNCHANGED, "the same files are champion already"), kept)
        decision = Decision(PROMOTED, "the champion's own files again: those in the registry were changed or are gone")
    else:
        decision = _decide(settings, candidate, current, config)
    version = kept or registry.register(settings, training_record(candidate))
    if not decision.is_promoted:
        registry.note_refusal(settings, version, decision.reason)
    return _row(candidate, decision, version)


def _decide(settings: Settings, candidate: Candidate, current: Champion | None, config: ModelsConfig) -> Decision:
    taken_back = promoted.taken_back(settings, candidate.name, candidate.contest.bundle.sha256)
    if taken_back:
        return Decision(
            REFUSED, f"TAKEN_BACK: {taken_back['decided_by']} took the same files back: {taken_back['reason']}"
        )
    return decide_promotion(
        _champion_evidence(settings, candidate, current, config),
        evidence_of(candidate, config),
        candidate.spec.thresholds,
    )


def _kept_version(
    settings: Settings, model_name: str, sha256: str, config: ModelsConfig
) -> registry.ModelVersion | None:
    """A version of ours with exactly these files, if the registry still has them."""
    ours = [
        promoted.version_of(row) for row in promoted.decisions(settings, model_name) if row["model_sha256"] == sha256
    ]
    for version in dict.fromkeys(reversed(ours)):
        try:
            registry.load_version(settings, version, config.max_model_bytes)
        except ModelRefused:
            continue
        return version
    return None


def evidence_of(candidate: Candidate, config: ModelsConfig) -> Evidence:
    """Figures the promotion rule looks at."""
    alone = candidate.contest.feature_aucs
    strongest = max(alone, key=lambda name: alone[name])
    return Evidence(
        auc=candidate.contest.figures["auc"],
        ece=candidate.contest.figures["ece"],
        events=candidate.validation.events,
        cost=candidate.contest.cost,
        ece_by_chance=candidate.contest.figures["ece_by_chance"],
        leaking_feature=strongest if alone[strongest] > config.leak_auc else "",
    )


def _champion_evidence(
    settings: Settings, candidate: Candidate, current: Champion | None, config: ModelsConfig
) -> Evidence | None:
    """The champion on the candidate's judging rows, if it never saw them; else the figures it was promoted with."""
    if current is None:
        return None
    row = current.row
    recorded = Evidence(auc=row["auc"], ece=row["ece"], events=row["validation_events"], cost=0)
    try:
        bundle = registry.load_version(settings, current.version, config.max_model_bytes)
    except ModelRefused:  # its files are changed or gone, which scoring tells: what it costs is not known any more
        return recorded
    recorded = replace(recorded, cost=scoring_cost(bundle.model_text))
    predictor = Predictor(bundle)
    label_end = row.get("label_end")  # empty in rows of before
    is_unseen = label_end is not None and label_end <= candidate.cut_offs.validation
    # With other features, or other codes for the same words, matrices do not compare.
    same_features = _names(predictor.contract) == _names(candidate.contest.contract)
    same_levels = predictor.contract.levels == candidate.contest.contract.levels
    if not (is_unseen and same_features and same_levels):
        return recorded
    return _measured_again(candidate, bundle, predictor)


def _names(contract: FeatureContract) -> list[str]:
    return [feature.name for feature in contract.features]


def _measured_again(candidate: Candidate, bundle: Bundle, predictor: Predictor) -> Evidence:
    raw = predictor.predict_raw(extended(predictor.contract, candidate.validation.matrix))
    label = candidate.validation.label
    ece = metrics.calibration_error(label, predictor.calibration.apply(raw))
    return Evidence(metrics.roc_auc(label, raw), ece, candidate.validation.events, scoring_cost(bundle.model_text))


def training_record(candidate: Candidate) -> registry.TrainingRecord:
    """What MLflow keeps: figures, parameters, charts, lineage; no row of a person."""
    contest, title = candidate.contest, candidate.spec.title
    tags = {
        "owner": candidate.spec.owner,
        "label": candidate.spec.label.label_id,
        "training_date": str(candidate.training_date),
        "train_cut_off": ",".join(map(str, candidate.cut_offs.train)),
        "validation_cut_off": str(candidate.cut_offs.validation),
        "label_end": str(candidate.label_end),
        "features": ",".join(_names(contest.contract)),
    }
    figures = {**contest.figures, **{f"linear_{name}": value for name, value in contest.linear.items()}}
    return registry.TrainingRecord(
        model_name=candidate.name,
        bundle=contest.bundle,
        example=typical_row(contest.contract, candidate.train.matrix),
        parameters={**contest.parameters, "rounds": contest.rounds},
        figures=figures,
        tags=tags,
        dataset={
            "name": CUSTOMER_360,
            "path": candidate.table_path,
            "version": candidate.table_version,
            "digest": matrix_digest(candidate),
            "tags": {"train_cut_off": tags["train_cut_off"], "validation_cut_off": tags["validation_cut_off"]},
        },
        charts={
            "calibration": plots.calibration_chart(contest.validation_label, contest.validation_score, title),
            "lift": plots.lift_chart(contest.validation_label, contest.validation_score, title),
            "features": plots.importance_chart(contest.importance, title),
        },
    )


def matrix_digest(candidate: Candidate) -> str:
    """Short digest of the rows that trained: the same rows give the same text."""
    digest = hashlib.sha256()
    for rows in (candidate.train, candidate.validation):
        digest.update(rows.matrix.tobytes())
        digest.update(rows.label.tobytes())
    return digest.hexdigest()[:16]


def _row(candidate: Candidate, decision: Decision, version: registry.ModelVersion) -> dict:
    contest = candidate.contest
    figures = {
        name: contest.figures[name]
        for name in (
            "auc",
            "log_loss",
            "ece",
            "spearman",
            "lift_top_decile",
            "precision_top_decile",
            "recall_top_decile",
        )
    }
    return {
        "business_date": candidate.training_date,
        "model_name": candidate.name,
        "label_id": candidate.spec.label.label_id,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "model_version": version.version,
        "model_sha256": version.sha256,
        "mlflow_run_id": version.run_id,
        "train_cut_off": candidate.cut_offs.train[0],
        "validation_cut_off": candidate.cut_offs.validation,
        "customer_360_version": candidate.table_version,
        "train_rows": candidate.train.label.size,
        "train_events": candidate.train.events,
        "validation_rows": candidate.validation.label.size,
        "validation_events": candidate.validation.events,
        "logistic_auc": contest.linear["auc"],
        "rounds": contest.rounds,
        "label_end": candidate.label_end,
        **figures,
    }


def untrained_row(
    name: str, spec: ModelSpec, train: TrainingSet, validation: TrainingSet, cut_offs: CutOffs, training_date: date
) -> dict:
    """The row of a model that was not trained because too little happened; its figures are those of a coin."""
    wanted = spec.thresholds.min_events
    reason = f"TOO_FEW_EVENTS: {train.events} and {validation.events} events at the cut-offs that train and the one that judges, wanted at least {wanted}; not trained"
    none = dict.fromkeys(("log_loss", "ece", "spearman", "precision_top_decile", "recall_top_decile"), 0.0)
    return {
        "business_date": training_date,
        "model_name": name,
        "label_id": spec.label.label_id,
        "verdict": "REFUSED",
        "reason": reason,
        "model_version": 0,
        "model_sha256": "",
        "mlflow_run_id": None,
        "train_cut_off": cut_offs.train[0],
        "validation_cut_off": cut_offs.validation,
        "train_rows": train.label.size,
        "train_events": train.events,
        "validation_rows": validation.label.size,
        "validation_events": validation.events,
        "auc": 0.5,
        "logistic_auc": 0.5,
        "lift_top_decile": 1.0,
        "rounds": 0,
        "label_end": None,
        **none,
    }
