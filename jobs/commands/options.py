"""Options several commands share: dates, and the number of a person; `-` reads it where no other user of the machine sees it."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer

from conf.dates import DateRange

STANDARD_INPUT = "-"
_SEEN = "the number stands in the shell's history and in the list of processes, which others can read; --msisdn - reads it from standard input"


def number_of(given: str | None) -> str | None:
    """The number as given; for `-` the first line of standard input, asked for without echo at a terminal."""
    if given is None or given != STANDARD_INPUT:
        if given:
            typer.secho(f"warning: {_SEEN}", fg=typer.colors.YELLOW, err=True)
        return given
    if sys.stdin.isatty():
        return typer.prompt("number", hide_input=True, err=True)
    number = sys.stdin.readline().strip()
    if not number:
        raise typer.BadParameter("--msisdn -: found nothing on standard input, wanted a number")
    return number


_HELP = "number as a person writes it; - reads it from standard input or asks"
NumberOption = Annotated[str, typer.Option("--msisdn", help=_HELP, callback=number_of)]
OptionalNumber = Annotated[
    str | None, typer.Option("--msisdn", help=f"{_HELP}; one contact, with --campaign", callback=number_of)
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="who asks, for ops.person_lookup, beside the user of this machine")
]
DateOption = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="business date")]
LastDateOption = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last business date of the range")
]


def dates_of(first: datetime, last: datetime | None) -> DateRange:
    """The closed range of business dates two options name."""
    if last is not None and last < first:
        raise typer.BadParameter(f"--to {last.date()} lies before --date {first.date()}")
    return DateRange(first.date(), (last or first).date())
