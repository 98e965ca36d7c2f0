"""The command line: everything Airflow does can be done by hand here, and everything the tables know can be asked."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated, Any

import typer

from conf.errors import ClosedLoopError
from conf.settings import HOME_VARIABLE, PROFILE_VARIABLE, load_settings, profile_names
from jobs.commands import care, nights, people, tables
from jobs.stack import commands as stack_commands

LAST_LINES = 15
WITHOUT_LOG = (
    "status",
    "watch",
    "settings",
    "schemas",
)  # they look: a home that is read-only, full or not there is what they tell


class Cli(typer.Typer):
    """A command line whose known failures print one clear block and end with exit code 1, without a stack trace."""

    is_verbose = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command the arguments name."""
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            text = failure_in_words(error)
            if text is None or self.is_verbose:
                raise
            typer.secho(f"{type(error).__name__}: {text}", fg=typer.colors.RED, err=True)
            sys.exit(1)


def failure_in_words(error: Exception) -> str | None:
    """What a person can do about a failure of ours, of Spark or of a command we started; None for a fault in the code."""
    if isinstance(error, ClosedLoopError):
        return str(error)
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr or error.stdout or b""
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        tail = "\n    ".join(text.strip().splitlines()[-LAST_LINES:]) or "(it said nothing)"
        return f"{' '.join(map(str, error.cmd))}\n  ended with {error.returncode}; its last lines:\n    {tail}"
    if type(error).__module__.startswith(("pyspark.errors", "py4j.")):
        first = next(iter(str(error).splitlines()), "no message")
        return f"Spark could not do this: {first}\n  to do:  closedloop status; closedloop --verbose ... shows the whole trace"
    return None


app = Cli(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
for part in (nights.app, tables.app, people.app, care.app, stack_commands.app):
    app.registered_commands += part.registered_commands
    app.registered_groups += part.registered_groups


@app.callback()
def _choose(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help=f"one of {', '.join(profile_names())}")] = None,
    home: Annotated[str | None, typer.Option(help="folder of all data, instead of the profile's")] = None,
    verbose: Annotated[bool, typer.Option(help="show the log lines, and the stack trace of a failure")] = False,
) -> None:
    from jobs.lakehouse.doors import keep, umask_of
    from jobs.lakehouse.logs import log_to_home

    app.is_verbose = verbose
    if profile:
        os.environ[PROFILE_VARIABLE] = profile
    if home:
        os.environ[HOME_VARIABLE] = os.path.abspath(home)
    settings = load_settings()
    os.umask(umask_of(settings))
    if context.invoked_subcommand not in WITHOUT_LOG:
        keep(settings)
        log_to_home(settings, verbose)


if __name__ == "__main__":
    app()
