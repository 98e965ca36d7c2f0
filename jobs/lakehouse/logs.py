"""One JSON line a fact, in home/logs/closedloop.log; the screen only gets warnings unless asked."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

from conf.errors import HomeUnusable
from conf.settings import Settings

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def log_to_home(settings: Settings, verbose: bool = False) -> None:
    """Send the log of our packages to a rotating file below home, and to the screen when asked."""
    folder = _writable(settings)
    to_file = RotatingFileHandler(
        folder / "closedloop.log", maxBytes=20_000_000, backupCount=3, encoding="utf-8", delay=True
    )
    to_file.setFormatter(logging.Formatter(FORMAT))
    for name in ("closedloop", "jobs", "models", "expectations"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(to_file)
        logger.propagate = verbose
    if verbose:
        logging.basicConfig(level=logging.INFO, format=FORMAT)


def _writable(settings: Settings) -> Path:
    folder = settings.path("logs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(settings.home, error.strerror or type(error).__name__) from None
    if not os.access(folder, os.W_OK):
        raise HomeUnusable(settings.home, f"{folder} cannot be written by this user")
    return folder
