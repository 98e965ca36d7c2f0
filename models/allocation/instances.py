"""Read and write the public customer-assignment format: table1 activities, table2 pairs, table3 rules, table4 conflicts.

Format: Bigler, Kammermann, Baumann, European Journal of Operational Research 304(2), 2023. Used by the bench and the
tests only; the solver reads no file.
"""

from pathlib import Path

import numpy as np
import polars as pl

from models.allocation.problem import Activities, Conflict, InvalidProblem, LinearRule, Pairs, Plan, Problem, RuleKind

ALL = "ALL"
KINDS = {
    "Minimum assignment": RuleKind.MIN_CONTACTS,
    "Maximum assignment": RuleKind.MAX_CONTACTS,
    "Budget": RuleKind.BUDGET,
    "Minimum sales": RuleKind.MIN_SALES,
    "Maximum sales": RuleKind.MAX_SALES,
    "Maximum contact": RuleKind.MAX_CONTACTS_PER_CUSTOMER,
}


def read_table(folder: Path, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """Read one table, plain or gzipped, with or without an Index column; raises InvalidProblem when it is not there."""
    found = [folder / f"{name}{ending}" for ending in (".csv", ".csv.gz") if (folder / f"{name}{ending}").exists()]
    if not found:
        raise InvalidProblem(str(folder), f"{name}.csv or {name}.csv.gz", sorted(p.name for p in folder.glob("*")))
    texts = dict.fromkeys(("TargetProducts", "TargetProduct1", "TargetProduct2"), pl.String)
    table = pl.read_csv(found[0], schema_overrides=texts, infer_schema_length=None)
    table = table.rename({column: column.strip() for column in table.columns})
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InvalidProblem(str(found[0]), f"columns {columns}", table.columns)
    return table


def split_names(text: object) -> frozenset[str] | None:
    """Split `a; b` into names; ALL (or nothing) is None, which a rule reads as every name."""
    names = frozenset(part.strip() for part in str(text if text is not None else ALL).split(";") if part.strip())
    return None if not names or ALL in names else names


def _activities(folder: Path) -> tuple[Activities, list[object]]:
    table = read_table(folder, "table1", ("Activity", "Day", "Channel", "TargetProducts", "Cost"))
    activities = Activities(
        name=[str(name) for name in table["Activity"]],
        day=table["Day"].cast(pl.Int32).to_numpy(),
        channel=[str(channel).strip() for channel in table["Channel"]],
        products=[split_names(text) or frozenset() for text in table["TargetProducts"]],
        cost=table["Cost"].cast(pl.Float64).to_numpy(),
    )
    return activities, table["Activity"].to_list()


def _pairs(folder: Path, names: list[object]) -> tuple[Pairs, np.ndarray]:
    table = read_table(folder, "table2", ("Customer", "Activity", "ExpectedProfit", "ResponseProbability"))
    customers, customer = np.unique(table["Customer"].to_numpy(), return_inverse=True)
    known = {name: position for position, name in enumerate(names)}
    unknown = [name for name in table["Activity"].unique() if name not in known]
    if unknown:
        position = int(table["Activity"].index_of(unknown[0]) or 0)
        raise InvalidProblem(f"{folder} table2 row {position + 1}", "an activity of table1", unknown[0])
    activity = table["Activity"].replace_strict(known, return_dtype=pl.Int32).to_numpy()
    value = table["ExpectedProfit"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    response = table["ResponseProbability"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return Pairs(customer.astype(np.int32), activity, value, response), customers


def _rules(folder: Path) -> list[LinearRule]:
    table = read_table(folder, "table3", ("Type", "StartDay", "EndDay", "Channels", "TargetProducts", "Bound"))
    rules = []
    for position, row in enumerate(table.iter_rows(named=True), start=1):
        kind = KINDS.get(str(row["Type"]).strip())
        if kind is None:
            raise InvalidProblem(f"{folder} table3 row {position}", f"a type of {sorted(KINDS)}", row["Type"])
        name = f"{position} {row['Type']}: {row['Channels']}, products {row['TargetProducts']}"
        rules.append(
            LinearRule(
                kind=kind,
                bound=float(row["Bound"]),
                first_day=int(row["StartDay"]),
                last_day=int(row["EndDay"]),
                channels=split_names(row["Channels"]),
                products=split_names(row["TargetProducts"]),
                name=f"{name}, days {row['StartDay']}-{row['EndDay']}",
            )
        )
    return rules


def _conflicts(folder: Path) -> list[Conflict]:
    columns = ("Channel1", "TargetProduct1", "Channel2", "TargetProduct2", "Lag")
    table = read_table(folder, "table4", columns)
    return [
        Conflict(
            channels_a=split_names(row["Channel1"]),
            products_a=split_names(row["TargetProduct1"]),
            channels_b=split_names(row["Channel2"]),
            products_b=split_names(row["TargetProduct2"]),
            lag_days=int(row["Lag"]),
            name=f"{position}",
        )
        for position, row in enumerate(table.iter_rows(named=True), start=1)
    ]


def read_instance(folder: Path) -> Problem:
    """Read a folder of the public format into a problem; `customer_id` keeps the customer numbers of the file."""
    if not folder.is_dir():
        raise InvalidProblem(str(folder), "a folder with table1 to table4", "nothing")
    activities, names = _activities(folder)
    pairs, customers = _pairs(folder, names)
    return Problem(
        n_customers=len(customers),
        activities=activities,
        pairs=pairs,
        rules=_rules(folder),
        conflicts=_conflicts(folder),
        customer_id=customers,
    )


def write_plan(problem: Problem, plan: Plan, path: Path) -> None:
    """Write the chosen pairs as `Customer,Activity`, as the file named them."""
    customer = np.asarray(problem.pairs.customer)[plan.chosen]
    ids = customer if problem.customer_id is None else np.asarray(problem.customer_id)[customer]
    names = [problem.activities.name[a] for a in np.asarray(problem.pairs.activity)[plan.chosen]]
    pl.DataFrame({"Customer": ids, "Activity": names}).write_csv(path)
