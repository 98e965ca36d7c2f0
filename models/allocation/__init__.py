"""The optimiser: the best plan under every rule, with a proven bound. Arrays in, plan out; no Spark and no files."""

from models.allocation.check import check_plan
from models.allocation.problem import (
    Activities,
    Conflict,
    InvalidProblem,
    LinearRule,
    Pairs,
    Plan,
    Problem,
    RuleKind,
    TierResult,
    Violation,
)
from models.allocation.solver import solve

__all__ = [
    "Activities",
    "Conflict",
    "InvalidProblem",
    "LinearRule",
    "Pairs",
    "Plan",
    "Problem",
    "RuleKind",
    "TierResult",
    "Violation",
    "check_plan",
    "solve",
]
