"""A trained model against the champion: same rows where that is fair, one decision, and what is kept of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from conf.models import ModelsConfig, ModelSpec
from conf.settings import Settings
from jobs.scoring.matrix import CUSTOMER_360, CutOffs
from models import metrics, plots, registry
from models.artifact import Predictor
from models.features import extended
from models.promotion import Decision, Evidence, decide_promotion
from models.training import Contest, Snapshot, scoring_cost, typical_row


@dataclass(frozen=True)
class Candidate:
    """One trained model with the rows that made and judged it."""

    name: str
    spec: ModelSpec
    contest: Contest
    train: Snapshot
    validation: Snapshot
    cut_offs: CutOffs
    label_end: date
    training_date: date
    table_path: str
    table_version: int


def decide_and_register(settings: Settings, candidate: Candidate, config: ModelsConfig) -> dict:
    """Register the candidate unless it exists already, promote or refuse it, and return its row for ops.model_run."""
    digest = candidate.contest.bundle.sha256
    current = registry.champion(settings, candidate.name)
    if current and current.sha256 == digest:
        return _row(candidate, Decision("UNCHANGED", "the same files are champion already"), current)
    decision = decide_promotion(
        _champion_evidence(settings, candidate, current, config),
        evidence_of(candidate, config),
        candidate.spec.thresholds,
    )
    version = registry.version_with(settings, candidate.name, digest) or registry.register(
        settings, training_record(candidate)
    )
    if decision.is_promoted:
        registry.promote(settings, version, decision.reason)
    else:
        registry.note_refusal(settings, version, decision.reason)
    return _row(candidate, decision, version)


def evidence_of(candidate: Candidate, config: ModelsConfig) -> Evidence:
    """Figures the promotion rule looks at."""
    alone = candidate.contest.feature_aucs
    strongest = max(alone, key=lambda name: alone[name])
    return Evidence(
        auc=candidate.contest.figures["auc"], ece=candidate.contest.figures["ece"], events=candidate.validation.events,
        cost=candidate.contest.cost, ece_by_chance=candidate.contest.figures["ece_by_chance"], leaking_feature=strongest if alone[strongest] > config.leak_auc else "",
    )  # fmt: skip


def _champion_evidence(
    settings: Settings, candidate: Candidate, current: registry.ModelVersion | None, config: ModelsConfig
) -> Evidence | None:
    """The champion on the candidate's judging rows, if it never saw them; else the figures it was promoted with."""
    if current is None:
        return None
    recorded = current.tags
    same_features = recorded.get("features") == base_features(candidate)
    if same_features and recorded.get("label_end", "9999") <= str(candidate.cut_offs.validation):
        return _measured_again(settings, candidate, current, config)
    return Evidence(float(recorded["auc"]), float(recorded["ece"]), int(recorded["events"]), int(recorded["cost"]))


def _measured_again(
    settings: Settings, candidate: Candidate, current: registry.ModelVersion, config: ModelsConfig
) -> Evidence:
    bundle = registry.load_version(settings, current, config.max_model_bytes)
    predictor = Predictor(bundle)
    if (
        predictor.contract.levels != candidate.contest.contract.levels
    ):  # other codes for the same words: matrices do not compare
        recorded = current.tags
        return Evidence(float(recorded["auc"]), float(recorded["ece"]), int(recorded["events"]), int(recorded["cost"]))
    raw = predictor.predict_raw(extended(predictor.contract, candidate.validation.matrix))
    label = candidate.validation.label
    ece = metrics.calibration_error(label, predictor.calibration.apply(raw))
    return Evidence(metrics.roc_auc(label, raw), ece, candidate.validation.events, scoring_cost(bundle.model_text))


def training_record(candidate: Candidate) -> registry.TrainingRecord:
    """What MLflow keeps: figures, parameters, charts, lineage; no row of a person."""
    contest, title = candidate.contest, candidate.spec.title
    tags = {
        "owner": candidate.spec.owner, "label": candidate.spec.label.label_id, "training_date": str(candidate.training_date),
        "train_cut_off": ",".join(map(str, candidate.cut_offs.train)), "validation_cut_off": str(candidate.cut_offs.validation),
        "label_end": str(candidate.label_end), "features": base_features(candidate),
        "auc": repr(contest.figures["auc"]), "ece": repr(contest.figures["ece"]),
        "events": str(candidate.validation.events), "cost": str(contest.cost),
    }  # fmt: skip
    figures = {**contest.figures, **{f"linear_{name}": value for name, value in contest.linear.items()}}
    return registry.TrainingRecord(
        model_name=candidate.name, bundle=contest.bundle, example=typical_row(contest.contract, candidate.train.matrix),
        parameters={**contest.parameters, "rounds": contest.rounds}, figures=figures, tags=tags,
        dataset={
            "name": CUSTOMER_360, "path": candidate.table_path, "version": candidate.table_version, "digest": matrix_digest(candidate),
            "tags": {"train_cut_off": tags["train_cut_off"], "validation_cut_off": tags["validation_cut_off"]},
        },
        charts={
            "calibration": plots.calibration_chart(contest.validation_label, contest.validation_score, title),
            "lift": plots.lift_chart(contest.validation_label, contest.validation_score, title),
            "features": plots.importance_chart(contest.importance, title),
        },
    )  # fmt: skip


def base_features(candidate: Candidate) -> str:
    """Names of the single features, which two models must share to be held against each other on one matrix."""
    return ",".join(feature.name for feature in candidate.contest.contract.features)


def matrix_digest(candidate: Candidate) -> str:
    """Short digest of the rows that trained: the same rows give the same text."""
    digest = hashlib.sha256()
    for rows in (candidate.train, candidate.validation):
        digest.update(rows.matrix.tobytes())
        digest.update(rows.label.tobytes())
    return digest.hexdigest()[:16]


def _row(candidate: Candidate, decision: Decision, version: registry.ModelVersion) -> dict:
    contest = candidate.contest
    figures = {name: contest.figures[name] for name in (
        "auc", "log_loss", "ece", "spearman", "lift_top_decile", "precision_top_decile", "recall_top_decile")}  # fmt: skip
    return {
        "business_date": candidate.training_date, "model_name": candidate.name, "label_id": candidate.spec.label.label_id,
        "verdict": decision.verdict, "reason": decision.reason, "model_version": version.version,
        "model_sha256": version.sha256, "mlflow_run_id": version.run_id,
        "train_cut_off": candidate.cut_offs.train[0], "validation_cut_off": candidate.cut_offs.validation,
        "customer_360_version": candidate.table_version, "train_rows": candidate.train.label.size,
        "train_events": candidate.train.events, "validation_rows": candidate.validation.label.size,
        "validation_events": candidate.validation.events, "logistic_auc": contest.linear["auc"], "rounds": contest.rounds, **figures,
    }  # fmt: skip


def untrained_row(
    name: str, spec: ModelSpec, train: Snapshot, validation: Snapshot, cut_offs: CutOffs, training_date: date
) -> dict:
    """The row of a model that was not trained because too little happened; its figures are those of a coin."""
    wanted = spec.thresholds.min_events
    reason = f"TOO_FEW_EVENTS: {train.events} and {validation.events} events at the cut-offs that train and the one that judges, wanted at least {wanted}; not trained"
    none = dict.fromkeys(("log_loss", "ece", "spearman", "precision_top_decile", "recall_top_decile"), 0.0)
    return {
        "business_date": training_date, "model_name": name, "label_id": spec.label.label_id, "verdict": "REFUSED", "reason": reason,
        "model_version": 0, "model_sha256": "", "mlflow_run_id": None, "train_cut_off": cut_offs.train[0],
        "validation_cut_off": cut_offs.validation, "train_rows": train.label.size, "train_events": train.events,
        "validation_rows": validation.label.size, "validation_events": validation.events, "auc": 0.5, "logistic_auc": 0.5,
        "lift_top_decile": 1.0, "rounds": 0, **none,
    }  # fmt: skip
