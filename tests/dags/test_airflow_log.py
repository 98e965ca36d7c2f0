"""What Airflow's processes say of each call and poll stays out of their logs; what the jobs say stays in."""

from __future__ import annotations

import subprocess
import sys

from jobs.servers.airflow_server import environment

SPEAKERS = """
import logging, structlog
from airflow.logging_config import configure_logging
from conf.settings import load_settings
from jobs.lakehouse.logs import log_to_home
configure_logging()
log_to_home(load_settings(), verbose=True)  # as a task does before its job
structlog.get_logger(logger_name="http.access").info("request finished")
structlog.get_logger(logger_name="http.access").warning("request refused")
logging.getLogger("great_expectations._docs_decorators").info("Skipping registering function")
logging.getLogger("py4j.clientserver").info("Closing down clientserver connection")
logging.getLogger("jobs.lakehouse.run").info("TABLE_WRITTEN rows=7")
"""


def test_only_what_serves_the_person_on_call_is_written(settings):
    env = environment(settings, "sqlite://")

    done = subprocess.run([sys.executable, "-c", SPEAKERS], env=env, capture_output=True, text=True, check=True)

    said = done.stdout + done.stderr
    heard = [words for words in ("finished", "refused", "Skipping", "Closing", "TABLE_WRITTEN") if words in said]
    assert heard == ["refused", "TABLE_WRITTEN"]
