"""Airflow's scheduler with the tasks' libraries in memory: its tasks are forked from it, and begin at once.

Without it each task imports Great Expectations, Spark's client and MLflow anew, some ten seconds of a core. Our own modules
are left to the tasks: some read business files when they are imported, and a task must see those of today.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module

# None that starts threads of its own: a fork would not have them.
LIBRARIES = (
    "great_expectations",
    "lightgbm",
    "mlflow",
    "pyarrow.dataset",
    "pyspark.sql.connect.session",
    "pyspark.sql.functions",
    "sqlglot",
)


def import_libraries() -> None:
    """Import what jobs need most time to import."""
    for name in LIBRARIES:
        import_module(name)
    gc.collect()


def main() -> None:
    """Run `airflow scheduler` in this process, with the options given."""
    from airflow.__main__ import main as airflow

    import_libraries()
    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    airflow()


if __name__ == "__main__":
    main()
