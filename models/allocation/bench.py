"""The bench of the optimiser: public instances, generated cases or any folder of the format, greedy and HiGHS beside."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from models.allocation.cases import large_case, transport_case
from models.allocation.check import check_plan
from models.allocation.evaluate import StepFactory
from models.allocation.instances import read_instance, write_plan
from models.allocation.problem import InvalidProblem, Plan, Problem
from models.allocation.small_cases import SMALL_CASES
from models.allocation.solver import solve, warm_up

PUBLIC = ("GS1", "GS2", "GS3", "GS4", "GS1_prime")
GENERATED: dict[str, Callable[[int], Problem]] = {"transport": transport_case, "large": large_case}
# Gap and seconds to reach.
TARGETS = {
    **dict.fromkeys(PUBLIC, ((1e-4, 30.0), (2e-5, 30.0), (5e-6, 30.0))),
    "transport": ((1e-6, 30.0),),
    "large": ((1e-5, 120.0),),
}
DEFAULT_TARGET = ((1e-4, 30.0),)
INSTANCES = Path(__file__).resolve().parents[2] / "tests" / "data" / "assignment"

app = typer.Typer()
spark_step_factory: Callable[[], StepFactory] | None = (
    None  # of the pipeline (jobs/targeting/bench.py): models know no job
)


@dataclass(frozen=True)
class BenchResult:
    """One case at one target: what was reached, how good it is proven to be, and what stands beside it."""

    case: str
    customers: int
    pairs: int
    rules: int
    gap_target: float
    seconds_target: float
    objective: float
    bound: float
    gap: float
    value: float
    status: str
    is_feasible: bool
    broken_rules_by_checker: int
    violations: dict[str, float]
    clashing_rules: list[str]
    seconds_median: float
    seconds: list[float]
    cpu_seconds_median: float
    read_seconds: float
    compile_seconds: float
    greedy_objective: float
    greedy_below: float
    greedy_violations: dict[str, float]
    greedy_seconds: float
    peak_memory_bytes: int
    iterations: int
    shadow_prices: dict[str, float]
    same_plan_every_time: bool
    highs: dict[str, Any] | None = None
    history: list[tuple[float, float, float]] = field(default_factory=list)


def _timed(make: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    made = make()
    return made, time.perf_counter() - began


@cache
def _compile_seconds() -> float:
    """What this process spent on compiling the loops, or on reading them compiled from the cache; measured once."""
    return _timed(warm_up)[1]


def load_case(case: str | None, instance: Path | None, customers: int = 1_000_000) -> tuple[str, Problem]:
    """Read a folder of the public format, a public instance by name, or generate a case; InvalidProblem when unknown."""
    if instance is not None:
        return instance.name, read_instance(instance)
    if case in GENERATED:
        return str(case), GENERATED[str(case)](customers)
    if case in SMALL_CASES:
        return str(case), SMALL_CASES[str(case)]()
    name = {"GS1'": "GS1_prime"}.get(str(case), str(case))
    if name not in PUBLIC:
        raise InvalidProblem("--case", f"one of {[*PUBLIC, *GENERATED, *SMALL_CASES]}", case)
    return name, read_instance(INSTANCES / name)


def _beside(problem: Problem, seconds: float, gap: float) -> dict[str, Any]:
    from models.allocation.reference import solve_with_highs

    found, wall = _timed(lambda: solve_with_highs(problem, seconds, gap))
    row = {key: value for key, value in asdict(found).items() if key != "chosen"}
    return {**row, "wall_seconds": wall, "found_plan": found.chosen is not None}


def run_bench(
    name: str,
    problem: Problem,
    gap_target: float,
    seconds_target: float,
    *,
    read_seconds: float = 0.0,
    repeat: int = 3,
    threads: int = 2,
    with_highs: bool = False,
    step: StepFactory | None = None,
) -> tuple[BenchResult, Plan]:
    """Solve one problem `repeat` times in this warm process and measure; seconds leave reading and compilation out."""
    compile_seconds = _compile_seconds()
    plans = [solve(problem, gap_target, seconds_target, threads, step) for _ in range(repeat)]
    plan = plans[-1]
    objective = plan.objective
    result = BenchResult(
        case=name,
        customers=problem.n_customers,
        pairs=len(problem.pairs),
        rules=len(problem.rules),
        gap_target=gap_target,
        seconds_target=seconds_target,
        objective=objective,
        bound=plan.bound,
        gap=plan.gap,
        value=plan.value,
        status=plan.status,
        is_feasible=plan.is_feasible,
        broken_rules_by_checker=len(check_plan(problem, plan.chosen)),
        violations={rule: amount for rule, amount in plan.violations.items() if amount > 0.0},
        clashing_rules=list(plan.clashing_rules),
        seconds_median=statistics.median(p.seconds for p in plans),
        seconds=[p.seconds for p in plans],
        cpu_seconds_median=statistics.median(p.cpu_seconds for p in plans),
        read_seconds=read_seconds,
        compile_seconds=compile_seconds,
        greedy_objective=plan.greedy_objective,
        greedy_below=(objective - plan.greedy_objective) / abs(objective) if objective else 0.0,
        greedy_violations=plan.greedy_violations,
        greedy_seconds=plan.greedy_seconds,
        peak_memory_bytes=plan.peak_memory_bytes,
        iterations=plan.iterations,
        shadow_prices=plan.shadow_prices,
        same_plan_every_time=all(np.array_equal(p.chosen, plan.chosen) and p.bound == plan.bound for p in plans),
        highs=_beside(problem, seconds_target, gap_target) if with_highs else None,
        history=[*plan.history],
    )
    return result, plan


def _summary(results: list[BenchResult]) -> Table:
    table = Table(title="Allocation: median of the runs, one warm process")
    heads = (
        "case",
        "gap asked",
        "gap",
        "objective",
        "bound",
        "s",
        "CPU s",
        "greedy below",
        "broken",
        "GB",
        "steps",
        "HiGHS",
    )
    for head in heads:
        table.add_column(head, justify="left" if head in ("case", "HiGHS") else "right", overflow="fold")
    for r in results:
        table.add_row(
            r.case,
            f"{r.gap_target:.0e} in {r.seconds_target:g} s",
            f"{r.gap:.2e}",
            f"{r.objective:.4f}",
            f"{r.bound:.4f}",
            f"{r.seconds_median:.2f}",
            f"{r.cpu_seconds_median:.2f}",
            _greedy_text(r),
            str(r.broken_rules_by_checker),
            f"{r.peak_memory_bytes / 1e9:.2f}",
            str(r.iterations),
            _highs_text(r),
        )
    return table


def _greedy_text(result: BenchResult) -> str:
    broken = f", breaks {len(result.greedy_violations)}" if result.greedy_violations else ""
    return f"{100 * result.greedy_below:.2f} %{broken}"


def _highs_text(result: BenchResult) -> str:
    if result.highs is None:
        return "-"
    if not result.highs["found_plan"]:
        return f"no plan in {result.highs['seconds']:.0f} s ({result.highs['status']})"
    return f"{result.highs['objective']:.4f} in {result.highs['seconds']:.0f} s"


def _details(console: Console, result: BenchResult) -> None:
    """The lines of one case in plain words, for who wants more than the table."""
    console.print(f"[bold]{result.case}[/]: {result.customers} customers, {result.pairs} pairs, {result.rules} rules")
    console.print(
        f"  objective {result.objective:.4f}  bound {result.bound:.4f}  gap {result.gap:.3e}  ({result.status})"
    )
    console.print(f"  greedy {result.greedy_objective:.4f}, {_greedy_text(result)} in {result.greedy_seconds:.2f} s")
    console.print(
        f"  seconds {result.seconds_median:.3f} (median of {len(result.seconds)}), CPU {result.cpu_seconds_median:.3f},"
        f" memory {result.peak_memory_bytes / 1e9:.2f} GB; apart: reading {result.read_seconds:.2f},"
        f" compiling {result.compile_seconds:.2f}"
    )
    for name in result.clashing_rules:
        console.print(f"  cannot hold together with the rest: {name}", markup=False)
    for name, amount in result.violations.items():
        console.print(f"  violated by {amount:g}: {name}", markup=False)
    if not result.violations:
        console.print("  violations: none")
    priced = {name: price for name, price in result.shadow_prices.items() if price > 1e-6}
    for name, price in sorted(priced.items(), key=lambda item: -item[1]):
        console.print(f"  one more unit is worth {price:.4f}: {name}", markup=False)


def _compare_with_spark(console: Console, problem: Problem, plan: Plan, gap: float) -> None:
    step = spark_step_factory
    if step is None:
        raise typer.BadParameter("--spark belongs to the pipeline: closedloop bench allocation --spark")
    again, seconds = _timed(lambda: solve(problem, gap, 3600.0, 2, step()))
    is_equal = np.array_equal(again.chosen, plan.chosen) and again.shadow_prices == plan.shadow_prices
    word = "bit-equal" if is_equal and again.bound == plan.bound else "DIFFERENT"
    console.print(f"  per-customer step in Spark partitions: {word} prices and plan, {seconds:.1f} s")


def _selftest(console: Console, instances: int) -> None:
    from models.allocation.selftest import run_selftest

    found = run_selftest(instances)
    console.print(f"self-test: {found.tried} random problems, {len(found.failures)} failures, {dict(found.counts)}")
    console.print(
        f"optimal: {100 * found.optimal_share:.2f} % of the problems that have a plan; largest distance to the"
    )
    console.print(f"exact optimum: {found.largest_gap:g}")
    for family, counts in found.by_family.items():
        console.print(f"  {family}: {', '.join(f'{count} {word}' for word, count in counts.most_common())}")
    for line in found.below:
        console.print(f"  below the optimum: {line}", markup=False)
    for failure in found.failures:
        console.print(f"  {failure}", markup=False)
    if found.failures:
        raise typer.Exit(1)


def _read_or_stop(case: str | None, instance: Path | None, customers: int) -> tuple[tuple[str, Problem], float]:
    """The problem and the seconds reading took; one the bench does not know or cannot read ends it with one clear block."""
    try:
        return _timed(partial(load_case, case, instance, customers))
    except (InvalidProblem, OSError) as error:
        typer.secho(f"{type(error).__name__}: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None


@app.command()
def allocation(
    instance: Annotated[Path | None, typer.Option(help="Folder of the public format (table1 to table4).")] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(help="GS1-GS4, GS1_prime, transport, large, assignment_D20 (D80, E20, E80), capacities, budgets."),
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="Write the chosen pairs as Customer,Activity.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
    gap: Annotated[float | None, typer.Option(help="Gap to reach (default: the target of the case).")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds (default: the target of the case).")] = None,
    repeat: Annotated[int, typer.Option(help="Runs; the median is printed.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads.")] = 2,
    highs: Annotated[bool, typer.Option(help="Run HiGHS beside, with the same time limit.")] = False,
    spark: Annotated[bool, typer.Option(help="Solve again with Spark partitions and compare to the bit.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw value against capacity (PNG or SVG).")] = None,
    selftest: Annotated[
        int, typer.Option(help="Compare so many tiny problems of all families with the exact optimum.")
    ] = 0,
    customers: Annotated[int, typer.Option(help="Customers of the generated cases.")] = 1_000_000,
) -> None:
    """The best plan under every rule: objective, proven bound, gap, greedy and HiGHS beside, seconds, memory."""
    console = Console(width=None if Console().is_terminal else 200)
    if selftest:
        _selftest(console, selftest)
        return
    results = []
    for name in [None] if instance is not None else case or [*PUBLIC, *GENERATED]:
        (label, problem), read_seconds = _read_or_stop(name, instance, customers)
        for asked, seconds in TARGETS.get(label, DEFAULT_TARGET) if gap is None else ((gap, 30.0),):
            result, found = run_bench(
                label,
                problem,
                asked,
                time_limit or seconds,
                read_seconds=read_seconds,
                repeat=repeat,
                threads=threads,
                with_highs=highs and label not in GENERATED,
            )
            results.append(result)
        if not as_json:
            _details(console, results[-1])
        if spark:
            _compare_with_spark(console, problem, found, results[-1].gap_target)
        if plan is not None:
            write_plan(problem, found, plan)
        if picture is not None:
            from models.allocation.picture import draw_capacity

            draw_capacity(problem, found, picture, threads)
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2))
    else:
        console.print(_summary(results))


if __name__ == "__main__":
    app()
