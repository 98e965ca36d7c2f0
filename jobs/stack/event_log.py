"""What each query of a run cost, from the event log Spark kept: planning, jobs, tasks, processor time, bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEGABYTE = 1024 * 1024
NAME_CHARACTERS = 70


@dataclass
class QueryCost:
    """One query as a client sent it; `began` in milliseconds since 1970, processor time that of its tasks."""

    name: str
    began: int
    wall_seconds: float = 0.0
    planning_seconds: float = 0.0
    jobs: int = 0
    stages: int = 0
    tasks: int = 0
    cpu_seconds: float = 0.0
    shuffle_mb: float = 0.0
    written_mb: float = 0.0


def read_event_log(log: Path) -> list[QueryCost]:
    """The queries of an event log, or of all in a folder, in the order they began."""
    files = sorted(path for path in log.rglob("*") if path.is_file()) if log.is_dir() else [log]
    return sorted((cost for file in files for cost in _of_file(_events(file))), key=lambda cost: cost.began)


def table_of_queries(queries: Iterable[QueryCost], most: int = 10) -> list[str]:
    """Lines a person reads: the dearest queries by processor time, then what all came to."""
    found = list(queries)
    dearest = sorted(found, key=lambda cost: -cost.cpu_seconds)[:most]
    everything = QueryCost(f"all {len(found)} queries", 0)
    for cost in found:
        for name, value in vars(cost).items():
            if name not in ("name", "began"):
                setattr(everything, name, getattr(everything, name) + value)
    heads = ("query", "s", "planning", "jobs", "stages", "tasks", "CPU s", "shuffle MB", "written MB")
    line = f"{heads[0]:{NAME_CHARACTERS}}" + "".join(f"{head:>11}" for head in heads[1:])
    return [line, *(_line(cost) for cost in [*dearest, everything])]


def _line(cost: QueryCost) -> str:
    counts = f"{cost.jobs:11}{cost.stages:11}{cost.tasks:11}"
    sizes = f"{cost.cpu_seconds:11.1f}{cost.shuffle_mb:11.1f}{cost.written_mb:11.1f}"
    return f"{cost.name:{NAME_CHARACTERS}}{cost.wall_seconds:11.1f}{cost.planning_seconds:11.1f}{counts}{sizes}"


def _events(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:  # the last line of a server that was killed
                return


def _of_file(events: Iterable[dict[str, Any]]) -> list[QueryCost]:
    by_tag: dict[str, QueryCost] = {}
    of_stage: dict[int, QueryCost] = {}
    for event in events:
        kind = event["Event"].split(".")[-1]
        if kind == "SparkListenerConnectOperationStarted":
            by_tag[event["jobTag"]] = QueryCost(name_of(event.get("statementText", "")), event["eventTime"])
        elif kind.startswith("SparkListenerConnectOperation") and event.get("jobTag") in by_tag:
            cost, seconds = by_tag[event["jobTag"]], (event["eventTime"] - by_tag[event["jobTag"]].began) / 1000
            cost.wall_seconds = max(cost.wall_seconds, seconds)
            if kind.endswith(("Analyzed", "ReadyForExecution")):
                cost.planning_seconds = seconds
        elif kind == "SparkListenerJobStart":
            tags = (event.get("Properties") or {}).get("spark.job.tags", "").split(",")
            if owner := next((by_tag[tag] for tag in tags if tag in by_tag), None):
                owner.jobs += 1
                owner.stages += len(event["Stage IDs"])
                of_stage |= dict.fromkeys(event["Stage IDs"], owner)
        elif kind == "SparkListenerTaskEnd" and event["Stage ID"] in of_stage:
            _add_task(of_stage[event["Stage ID"]], event.get("Task Metrics") or {})
    return list(by_tag.values())


def _add_task(cost: QueryCost, metrics: dict[str, Any]) -> None:
    cost.tasks += 1
    cost.cpu_seconds += (metrics.get("Executor CPU Time", 0) + metrics.get("Executor Deserialize CPU Time", 0)) / 1e9
    cost.shuffle_mb += metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0) / MEGABYTE
    cost.written_mb += metrics.get("Output Metrics", {}).get("Bytes Written", 0) / MEGABYTE


def name_of(statement: str) -> str:
    """What a query is, in a few words: the table it writes, or the beginning of its text."""
    kind = statement.split("{")[0].strip().removesuffix("_operation").removesuffix("_command") or "query"
    if kind == "write" and (path := re.findall(r'path: "[^"]*/lake/([^"/]+)/([^"/]+)"', statement)):
        return f"write {'.'.join(path[-1])}"
    text = re.search(r'query: "(.*)', statement)
    words = re.sub(r"(\\+n|\s)+", " ", text[1]) if text else ""
    return f"{kind} {words}".strip()[:NAME_CHARACTERS]
