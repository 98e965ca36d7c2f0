"""The error family of closedloop: each message names the place, what was found, what was wanted and what to do."""

from __future__ import annotations

from pathlib import Path


class ClosedLoopError(Exception):
    """A failure a person can act on; the command line prints its text without a stack trace."""


class ConfigError(ClosedLoopError):
    """A file under conf/, sql/ or expectations/ holds something the project does not accept."""

    def __init__(self, file: str | Path, key: str, found: object, wanted: object):
        self.file, self.key, self.found, self.wanted = str(file), key, found, wanted
        super().__init__(f"{file}: key '{key}'\n  found:  {found}\n  wanted: {wanted}")


class HomeUnusable(ClosedLoopError):
    """The folder of all data cannot be made or written."""

    def __init__(self, home: Path, found: str):
        super().__init__(
            f"home {home}\n  found:  {found}\n  wanted: a folder this user may write\n"
            "  to do:  make it for this user, or name another with --home or CLOSEDLOOP_HOME"
        )


class ContractBroken(ClosedLoopError):
    """A frame about to be written does not have the columns and types of its table's contract."""

    def __init__(self, table: str, wanted: object, found: object, hint: str = ""):
        self.table, self.wanted, self.found = table, wanted, found
        tail = f"\n  to do:  {hint}" if hint else ""
        super().__init__(
            f"{table}: the result breaks the table's contract\n  wanted: {wanted}\n  found:  {found}{tail}"
        )


class GateFailed(ClosedLoopError):
    """A rule of severity `fail` did not hold, so nothing of this stage was published and yesterday stays."""

    def __init__(self, stage: str, failures: list[str]):
        self.stage, self.failures = stage, failures
        lines = "\n".join(f"  - {failure}" for failure in failures)
        super().__init__(
            f"gate of stage '{stage}': {len(failures)} rule(s) failed, nothing published, yesterday's tables stay\n{lines}\n"
            "  to do:  look at ops.gate_result and the Data Docs, mend the cause, run the stage again"
        )


class AlreadyRunning(ClosedLoopError):
    """Another process holds the lock of this stage and date, or of the Spark server."""


class ServerUnavailable(ClosedLoopError):
    """The Spark Connect server does not answer."""


class ExportRefused(ClosedLoopError):
    """Lists may not leave: a suppression feed, an approval or a balance is missing."""


class InputRefused(ClosedLoopError):
    """A delivered file or a person's input cannot be accepted as it is."""
