"""Steps of the demo and of the proofs as processes of their own, as Airflow's tasks are: our Python, a home and a profile."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from conf.errors import ClosedLoopError
from conf.reading import BASE
from conf.settings import HOME_VARIABLE, PROFILE_VARIABLE, Settings
from jobs.lakehouse.managed_process import answer_of, last_lines, run_to_end


class StepFailed(ClosedLoopError):
    """A step of a demo or proof ended with an error."""


def environment(home: Path, profile: str | None = None) -> dict[str, str]:
    """What a step of that home is started with; without a profile the one this process has."""
    env = {**os.environ, HOME_VARIABLE: str(home)}
    return env | ({PROFILE_VARIABLE: profile} if profile else {})


def run_step(words: list[str], log: Path, env: dict[str, str]) -> int:
    """Run `python -m <words>` to its end, its output appended to a log; returns its exit code."""
    return run_to_end([sys.executable, "-m", *words], log, env=env, cwd=BASE)


def answer_of_step(words: list[str], env: dict[str, str]) -> str | None:
    """What `python -m <words>` says; None when it ends with an error."""
    return answer_of([sys.executable, "-m", *words], env=env, cwd=BASE)


def require_step(settings: Settings, words: list[str], log: Path, env: dict[str, str] | None = None) -> None:
    """The same for a step whose failure ends everything; StepFailed shows its last lines."""
    begin = log.stat().st_size if log.exists() else 0
    code = run_step(words, log, env or environment(settings.home, settings.profile))
    if code != 0:
        raise StepFailed(f"{' '.join(words)} ended with {code}\n{last_lines(log, begin)}")
