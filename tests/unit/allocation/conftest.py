"""Builders of small allocation problems: what does not matter in a test is filled in here."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from models.allocation import Activities, Conflict, LinearRule, Pairs, Problem


def build_problem(
    values: Sequence[Sequence[float | None]],
    rules: Sequence[LinearRule] = (),
    conflicts: Sequence[Conflict] = (),
    days: Sequence[int] | None = None,
    channels: Sequence[str] | None = None,
    costs: Sequence[float] | None = None,
    **fields: object,
) -> Problem:
    """A problem from a table of values: a row a customer, a column an activity, None where the pair is not allowed."""
    n_activities = max((len(row) for row in values), default=0)
    cells = [(c, a, v) for c, row in enumerate(values) for a, v in enumerate(row) if v is not None]
    names = {key: fields.pop(key) for key in ("campaign", "offer", "tier", "weight", "products") if key in fields}
    products = names.pop("products", [frozenset()] * n_activities)
    return Problem(
        n_customers=len(values),
        activities=Activities(
            name=[f"a{a}" for a in range(n_activities)],
            day=np.array(days if days is not None else [1] * n_activities, dtype=np.int32),
            channel=list(channels if channels is not None else [f"channel {a}" for a in range(n_activities)]),
            products=products,  # type: ignore[arg-type]
            cost=np.array(costs if costs is not None else [1.0] * n_activities, dtype=np.float64),
            staff_hours=np.full(n_activities, 0.5),
            **names,  # type: ignore[arg-type]
        ),
        pairs=Pairs(
            customer=np.array([c for c, _, _ in cells], dtype=np.int32),
            activity=np.array([a for _, a, _ in cells], dtype=np.int32),
            value=np.array([v for _, _, v in cells], dtype=np.float64),
            response=np.full(len(cells), 0.1),
        ),
        rules=rules,
        conflicts=conflicts,
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def a_problem() -> Callable[..., Problem]:
    return build_problem
