"""How fast the simulator writes: records a second (wall and CPU) and peak memory of some days of history in a fresh home."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from datetime import timedelta
from typing import Any

import typer

from conf.settings import load_settings
from simulator.history import write_history

TARGET_RECORDS_PER_SECOND = 150_000
KILOBYTES_PER_MEGABYTE = 1024


def bench_simulator(subscriptions: int = 20_000, days: int = 20) -> dict[str, Any]:
    """Write the last days of the demo's history for so many subscriptions; the first of them is a full delivery."""
    with tempfile.TemporaryDirectory(prefix="closedloop-bench-") as folder:
        settings = load_settings(home=folder)
        simulator = settings.simulator.model_copy(update={"subscriptions": subscriptions})
        first = settings.first_night - timedelta(days=days)
        settings = settings.model_copy(update={"simulator": simulator, "history_first": first})
        wall, cpu = time.perf_counter(), time.process_time()
        written = write_history(settings)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES_PER_MEGABYTE
    return {
        "subscriptions": subscriptions,
        "days": written.days,
        "files": written.files,
        "records": written.rows,
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "records_per_second": round(written.rows / wall),
        "records_per_cpu_second": round(written.rows / cpu),
        "peak_memory_mb": round(peak),
        "target_records_per_second": TARGET_RECORDS_PER_SECOND,
    }


def main(subscriptions: int = 20_000, days: int = 20) -> None:
    """Print the measurement as JSON; `--subscriptions` and `--days` set the size."""
    typer.echo(json.dumps(bench_simulator(subscriptions, days), indent=2))


if __name__ == "__main__":
    typer.run(main)
