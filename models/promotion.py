"""Whether a challenger becomes champion: a pure function of figures and thresholds that gives its reason."""

from __future__ import annotations

from dataclasses import dataclass

from conf.models import Thresholds


@dataclass(frozen=True)
class Evidence:
    """Figures of one model on the judging snapshot.

    `cost` = leaves of all trees, the work of scoring one row; `ece_by_chance` = error even a perfect model would show there.
    """

    auc: float
    ece: float
    events: int
    cost: int
    ece_by_chance: float = 0.0
    leaking_feature: str = ""


@dataclass(frozen=True)
class Decision:
    """PROMOTED or REFUSED, with the reason in words."""

    verdict: str
    reason: str

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger scores from now on."""
        return self.verdict == "PROMOTED"


def decide_promotion(champion: Evidence | None, challenger: Evidence, limits: Thresholds) -> Decision:
    """Refuse a leaking, weak, badly calibrated, much costlier or worse challenger; without a champion only its own limits count."""
    refusal = _own_refusal(challenger, limits) or (_refusal_against(champion, challenger, limits) if champion else "")
    if refusal:
        return Decision("REFUSED", refusal)
    if champion is None:
        return Decision("PROMOTED", f"first champion: AUC {challenger.auc:.4f}, calibration error {challenger.ece:.4f}")
    gain = challenger.auc - champion.auc
    return Decision(
        "PROMOTED",
        f"AUC {challenger.auc:.4f} against {champion.auc:.4f} of the champion ({gain:+.4f}), calibration within limits",
    )


def _own_refusal(challenger: Evidence, limits: Thresholds) -> str:
    if challenger.leaking_feature:
        return f"LEAK_SUSPECTED: feature '{challenger.leaking_feature}' alone nearly gives the answer; it probably knows the future"
    if challenger.events < limits.min_events:
        return f"TOO_FEW_EVENTS: {challenger.events} events in the validation snapshot, wanted at least {limits.min_events}"
    if challenger.auc < limits.min_auc:
        return f"AUC_TOO_LOW: {challenger.auc:.4f}, wanted at least {limits.min_auc}"
    allowed = limits.max_ece + challenger.ece_by_chance
    if challenger.ece > allowed:
        return f"CALIBRATION_TOO_BAD: error {challenger.ece:.4f}, wanted at most {allowed:.4f} (limit and chance)"
    return ""


def _refusal_against(champion: Evidence, challenger: Evidence, limits: Thresholds) -> str:
    if challenger.auc < champion.auc - limits.max_auc_drop:
        return f"WORSE_THAN_CHAMPION: AUC {challenger.auc:.4f} against {champion.auc:.4f}, a drop of at most {limits.max_auc_drop} is allowed"
    if challenger.ece > champion.ece + limits.max_ece_rise:
        return f"CALIBRATION_WORSE: error {challenger.ece:.4f} against {champion.ece:.4f}, a rise of at most {limits.max_ece_rise} is allowed"
    if champion.cost and challenger.cost > limits.max_cost_ratio * champion.cost:
        return f"TOO_COSTLY: {challenger.cost} leaves against {champion.cost}, at most {limits.max_cost_ratio} times as many are allowed"
    return ""
