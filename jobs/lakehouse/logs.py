"""One JSON object a line, one line a fact, below home/logs/closedloop; the screen only gets warnings unless asked.

Each process writes a file of its own, so that no two write or rotate one; maintenance removes the old ones. Files read
together as a table: `SELECT * FROM read_json('logs/closedloop/*.jsonl', union_by_name=true)` in DuckDB.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from conf.errors import HomeUnusable
from conf.settings import Settings
from jobs.lakehouse.masking import masked_facts, masked_message
from jobs.lakehouse.process_mark import began

OURS = ("closedloop", "jobs", "models", "expectations")
# Libraries that tell of each call or import: what they have to say begins at a warning.
CHATTERING = ("great_expectations", "httpx", "py4j")
ON_SCREEN = "%(asctime)s %(levelname)s %(name)s %(message)s"
FACTS = "facts"


def log_to_home(settings: Settings, verbose: bool = False) -> Path:
    """Send the log of our packages to a file of this process below home, and to the screen when asked; returns the file."""
    file = _folder(settings) / f"{began():%Y%m%dT%H%M%SZ}-{os.getpid()}.jsonl"
    for name in OURS:
        logger = logging.getLogger(name)
        for old in [handler for handler in logger.handlers if isinstance(handler, _ToHome)]:
            logger.removeHandler(old)
            old.close()
    to_home = _ToHome(file, encoding="utf-8", delay=True)
    to_home.setFormatter(_as_json())
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(to_home)
        logger.propagate = verbose
    for name in CHATTERING:
        logging.getLogger(name).setLevel(logging.WARNING)
    if verbose:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_MaskedLines(ON_SCREEN))
    return file


def fact(logger: logging.Logger, level: int, event: str, facts: Mapping[str, object]) -> None:
    """Log one fact: an upper-case event with its values; a line for people, an object for the file."""
    facts = masked_facts(facts)
    words = " ".join(f"{key}={value}" for key, value in facts.items())
    logger.log(level, "%s %s", event, words, extra={FACTS: {"event": event, **facts}})


class _ToHome(logging.FileHandler):
    """The handler of a home's log, so that a second call replaces it and leaves those of others."""


def _as_json() -> logging.Formatter:
    processors = structlog.processors
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(allow=[FACTS]),
            _open_facts,
            processors.format_exc_info,
            _masked,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


class _MaskedLines(logging.Formatter):
    """Lines for the screen, without the numbers that may be a person's."""

    def format(self, record: logging.LogRecord) -> str:
        return masked_message(super().format(record))


def _masked(logger: Any, method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return masked_facts(line)


def _open_facts(logger: Any, method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The values of a fact stand beside its event, not inside it."""
    facts = line.pop(FACTS, {})
    return {**line, **facts}


def _folder(settings: Settings) -> Path:
    folder = settings.path("logs", "closedloop")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(settings.home, error.strerror or type(error).__name__) from None
    if not os.access(folder, os.W_OK):
        raise HomeUnusable(settings.home, f"{folder} cannot be written by this user")
    return folder
