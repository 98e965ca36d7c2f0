"""What one more contact is worth on each channel, at every capacity it could have: the picture of a run."""

from pathlib import Path

import numpy as np

from models.allocation.canonical import Canonical, canonicalise
from models.allocation.evaluate import LocalStep, in_fixed_order
from models.allocation.problem import Floats, Plan, Problem

POINTS = 33
SAMPLE_CUSTOMERS = 50_000


def _own_rules(canonical: Canonical, is_channel: Floats) -> Floats:
    """Rules that speak of this channel only: the single price of the curve stands in for them."""
    rules = canonical.rules
    covers = (rules.per_contact != 0) | (rules.per_sale != 0) | (rules.per_value != 0)
    return ~(covers & ~is_channel.astype(bool)).any(axis=1)


def capacity_curves(problem: Problem, plan: Plan, threads: int = 2) -> dict[str, tuple[Floats, Floats]]:
    """For each channel, contacts used when one contact must earn at least a price: (contacts, price per contact).

    Other rules keep the shadow prices of the plan. Read along contacts, the curve is the value of one more contact at
    that capacity. Large problems are read from a fixed sample of customers and scaled up.
    """
    canonical = canonicalise(problem)
    one_in = max(1, canonical.n_customers // SAMPLE_CUSTOMERS)
    sample = canonical.sample(one_in) if one_in > 1 else canonical
    share = max(sample.n_pairs, 1) / max(canonical.n_pairs, 1)
    rules = canonical.rules
    multipliers = np.array([plan.shadow_prices[name] for name in rules.names]) * rules.unit
    step = LocalStep(sample, threads)
    channel = np.array(problem.activities.channel)
    curves = {}
    for name in dict.fromkeys(problem.activities.channel):
        is_channel = channel == name
        gain, price, sales_price = rules.prices(
            np.where(_own_rules(canonical, is_channel), 0.0, multipliers), canonical.gain
        )
        of_channel = is_channel[sample.activity]
        most = float(np.quantile(sample.value[of_channel], 0.999)) if of_channel.any() else 1.0
        prices = np.concatenate([[0.0], np.geomspace(max(most, 1e-3) / 500.0, max(most, 1e-3), POINTS - 1)])
        contacts = [
            in_fixed_order(step((gain, price + is_channel * each, sales_price))).stats[0][is_channel].sum() / share
            for each in prices
        ]
        curves[name] = (np.array(contacts), prices)
    return curves


def draw_capacity(problem: Problem, plan: Plan, path: Path, threads: int = 2) -> None:
    """Draw value of one more contact against capacity, a line a channel and a dot where the plan stands (PNG or SVG)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    used = np.asarray(problem.pairs.activity)[plan.chosen]
    channel = np.array(problem.activities.channel)
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, (contacts, prices) in capacity_curves(problem, plan, threads).items():
        (line,) = axes.plot(contacts, prices, label=name)
        here = float((channel[used] == name).sum())
        worth = float(np.interp(here, contacts[::-1], prices[::-1]))
        axes.plot([here], [worth], "o", color=line.get_color())
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("contacts on the channel (capacity)")
    axes.set_ylabel("value of one more contact")
    axes.set_title("Value against capacity; the dot is where the plan stands")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
