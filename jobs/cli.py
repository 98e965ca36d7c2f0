"""The command line: everything Airflow does can be done by hand here, and everything the tables know can be asked."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from conf.settings import HOME_VARIABLE, PROFILE_VARIABLE, load_settings, profile_names
from jobs.number_option import ByOption, NumberOption, OptionalNumber
from jobs.stack import commands as stack_commands

LAST_LINES = 15
WITHOUT_LOG = ("status", "watch")  # they look: a home that is read-only, full or not there is what they tell


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
serve_app = typer.Typer(help="The Spark server that writes the tables.", no_args_is_help=True)
audience_app = typer.Typer(help="Who a campaign would reach.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Records that broke a rule.", no_args_is_help=True)
app.add_typer(serve_app, name="serve")
app.add_typer(audience_app, name="audience")
app.add_typer(quarantine_app, name="quarantine")
app.registered_commands += stack_commands.app.registered_commands

DateOption = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="business date")]
LastDateOption = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last business date of the range")
]


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


def _dates(first: datetime, last: datetime | None) -> DateRange:
    if last is not None and last < first:
        raise typer.BadParameter(f"--to {last.date()} lies before --date {first.date()}")
    return DateRange(first.date(), (last or first).date())


@serve_app.command("start")
def serve_start() -> None:
    """Start the Spark server and wait until it answers."""
    from jobs.lakehouse import server

    settings = load_settings()
    found = server.start(settings, typer.echo)
    typer.echo(f"running: process {found.pid} at {found.address}, home {settings.home}")


@serve_app.command("stop")
def serve_stop() -> None:
    """Stop the Spark server of this home."""
    from jobs.lakehouse import server

    typer.echo("stopped" if server.stop(load_settings()) else "no server of this home was running")


@serve_app.command("status")
def serve_status() -> None:
    """Say whether the Spark server of this home runs."""
    from jobs.lakehouse import server

    found = server.status(load_settings())
    typer.echo(
        f"running: process {found.pid} at {found.address}" if found.running else f"not running (port {found.address})"
    )
    raise typer.Exit(0 if found.running else 1)


@app.command()
def run(
    job: Annotated[str, typer.Argument(help="job of the night, as ingest or target")],
    first: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="business date")],
    last: LastDateOption = None,
) -> None:
    """Run one job for a date or a closed range of dates."""
    from jobs.catalogue import run_job
    from jobs.show import show

    show(run_job(load_settings(), job, _dates(first, last)))


@app.command()
def night(first: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="business date")]) -> None:
    """Run all jobs of a night in order, without Airflow."""
    from jobs.catalogue import NIGHT, run_job
    from jobs.lakehouse.run import exclusive
    from jobs.show import show

    settings, dates = load_settings(), _dates(first, None)
    with exclusive(settings, "night"):
        for number, name in enumerate(NIGHT, start=1):
            typer.secho(f"[{number}/{len(NIGHT)}] {name} {dates}", bold=True)
            show(run_job(settings, name, dates))


@app.command()
def status() -> None:
    """One screen for the person on call, gravest first; ends with 0 when all is well, 1 when somebody is needed, 2 when it cannot tell."""
    from jobs.show import show_tables
    from jobs.status import status as status_of

    found = status_of(load_settings())
    show_tables(found.parts)
    raise typer.Exit(found.code)


@app.command()
def quality(date: DateOption) -> None:
    """What is wrong with the data of a date: feeds, balances, quarantine by reason, rules that did not hold."""
    from jobs.overview import quality as quality_of
    from jobs.show import show_tables

    show_tables(quality_of(load_settings(), date.date()))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help='as "SELECT count(*) FROM gold.customer_360"')],
    spark: Annotated[bool, typer.Option(help="run on the Spark server instead of in this process")] = False,
    limit: Annotated[int, typer.Option(help="rows to print")] = 50,
) -> None:
    """Ask the published tables, by name."""
    from jobs.lakehouse.query import query_tables
    from jobs.show import show

    show(query_tables(load_settings(), query, on_spark=spark), limit)


@app.command()
def tables(
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="as published for this business date")
    ] = None,
    hash: Annotated[bool, typer.Option("--hash", help="with a hash of each table's content")] = False,
) -> None:
    """Path, version and rows of every table, for readers outside Spark."""
    from jobs.overview import table_list
    from jobs.show import show

    show(table_list(load_settings(), date.date() if date else None, hash), limit=500)


@app.command()
def dictionary(
    check: Annotated[bool, typer.Option("--check", help="only say whether the page is up to date")] = False,
) -> None:
    """Write docs/data_dictionary.md from the table contracts."""
    from jobs.lakehouse.dictionary import is_stale, write_dictionary

    if not check:
        typer.echo(f"written: {write_dictionary()}")
        return
    stale = is_stale()
    typer.echo("docs/data_dictionary.md is stale: run closedloop dictionary" if stale else "up to date")
    raise typer.Exit(1 if stale else 0)


@app.command()
def contacts(msisdn: NumberOption, by: ByOption = None) -> None:
    """Every contact with the holder of a number, over all channels."""
    from jobs.responses.contacts import contact_query
    from jobs.show import show

    show(contact_query(load_settings(), msisdn, by))


@app.command()
def explain(
    campaign: Annotated[str, typer.Option(help="campaign id")],
    msisdn: NumberOption,
    date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="business date, else the newest")] = None,
    by: ByOption = None,
) -> None:
    """Why somebody is on a campaign's list, or why not."""
    from jobs.show import show
    from jobs.targeting.explain import explain as explain_decision

    show(explain_decision(load_settings(), campaign, msisdn, date.date() if date else None, by))


@app.command()
def recall(
    by: Annotated[str, typer.Option(help="who recalls")],
    reason: Annotated[str, typer.Option(help="why, for the channel to read")],
    date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="night that exported the lists")] = None,
    channel: Annotated[str | None, typer.Option(help="channel code, as OUTBOUND: its lists of the night")] = None,
    campaign: Annotated[str | None, typer.Option(help="campaign id, else all lists of the channel")] = None,
    contact: Annotated[str | None, typer.Option(help="one contact by its id")] = None,
    msisdn: OptionalNumber = None,
) -> None:
    """Take a night's lists, or one contact, back from a channel: the recall file of the channel handbook, and the ledger."""
    from jobs.show import show

    night = date.date() if date else None
    if contact or msisdn:
        from jobs.targeting.contact_recall import recall_contact

        show([recall_contact(load_settings(), by, reason, contact, msisdn, campaign, night)])
        return
    if night is None or channel is None:
        raise typer.BadParameter("wanted --date and --channel for lists, or --contact, or --msisdn with --campaign")
    from jobs.targeting.recall import recall as recall_lists

    show(recall_lists(load_settings(), night, channel, by, reason, campaign))


@app.command("close-file")
def close_file(
    file: Annotated[str, typer.Argument(help="name of a withheld file, as closedloop status shows it")],
    by: Annotated[str, typer.Option(help="who closes it")],
    reason: Annotated[str, typer.Option(help="why it is not to be sent any more")],
) -> None:
    """Give a withheld file its end: it is never tried again, and nobody on it counts as contacted."""
    from jobs.show import show
    from jobs.targeting.close_file import close_file as close

    show([close(load_settings(), file, by, reason)])


@app.command()
def skip(date: DateOption, by: Annotated[str, typer.Option(help="who decides it")]) -> None:
    """Declare that a night makes no lists, so that the next one may."""
    from jobs.targeting.readiness import skip_night

    typer.echo(skip_night(load_settings(), date.date(), by))


@app.command()
def rollback(
    model: Annotated[str, typer.Argument(help="model of conf/models.yaml, as churn_offnet")],
    to_version: Annotated[int, typer.Option(help="version in the registry that was champion before")],
    by: Annotated[str, typer.Option(help="who decides it")],
    reason: Annotated[str, typer.Option(help="why, for ops.model_run")],
) -> None:
    """Let an earlier champion of a model score again; training does not promote the files it replaces once more."""
    from conf.models import load_models
    from jobs.scoring.promoted import roll_back
    from jobs.show import show
    from jobs.stack.postgres import point_mlflow_here

    settings = load_settings()
    point_mlflow_here(settings)
    show([roll_back(settings, model, to_version, by, reason, load_models().max_model_bytes)])


@audience_app.command("preview")
def audience_preview(
    campaign: Annotated[str, typer.Option(help="campaign id")],
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="business date, else the newest view")
    ] = None,
) -> None:
    """Count who a campaign would select on a date and what would exclude them; writes nothing."""
    from conf.campaigns import load_campaigns
    from jobs.show import show
    from jobs.targeting.preview import preview

    campaigns = load_campaigns()
    if campaign not in campaigns:
        raise typer.BadParameter(f"campaign '{campaign}'; there are {', '.join(campaigns)}")
    show(preview(load_settings(), campaigns[campaign], date.date() if date else None))


@app.command()
def maintain(
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="night retention counts from, else the newest view")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only tell what would go")] = False,
) -> None:
    """Remove rows and files whose time is over (contracts and conf/settings.yaml, retention) and join small files."""
    from jobs.catalogue import run_job
    from jobs.maintenance.job import preview
    from jobs.show import show
    from jobs.stack.task import newest_loaded

    settings = load_settings()
    last = date.date() if date else newest_loaded(settings)
    show(preview(settings, last) if dry_run else run_job(settings, "maintain", DateRange(last, last)))


@app.command()
def disk() -> None:
    """Bytes and files of each part of the home: now, a night, and a night per million subscriptions."""
    from jobs.maintenance.disk import disk as disk_of
    from jobs.show import show

    show(disk_of(load_settings()))


@app.command()
def forget(
    msisdn: Annotated[str, typer.Option(help="-: the number is read from standard input, so that no history keeps it")],
    by: Annotated[str, typer.Option(help="who erases")],
    reason: Annotated[str, typer.Option(help="why; never a number or a name")],
) -> None:
    """Erase the holder of a number from landing, lists, quarantine and vault for good, and prove it; nobody contacts him again."""
    from jobs.privacy.forget import forget as erase
    from jobs.show import show

    if msisdn != "-":
        raise typer.BadParameter("wanted --msisdn - and the number on standard input")
    show(erase(load_settings(), sys.stdin.readline(), by, reason))


@app.command()
def watch() -> None:
    """For cron or a timer: tell what is late, missed, dead, full or still, by the webhook first; ends with 0, 1 or 2 as status does."""
    from jobs.show import show
    from jobs.watch.watch import watch as watch_once

    outcome = watch_once(load_settings())
    for found in outcome.findings:
        typer.echo(f"{found.judged.severity} {found.event} {found.business_date}: {found.text}")
    if outcome.unsent:
        show(f"{outcome.unsent} alerts the webhook has not taken yet")
    raise typer.Exit(outcome.code)


@app.command()
def ack(
    by: Annotated[str, typer.Option(help="who has seen it")],
    reason: Annotated[str, typer.Option(help="what follows from it")],
    alert: Annotated[str | None, typer.Argument(help="id of an alert, or an event: all of its kind")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every open alert")] = False,
) -> None:
    """Note that somebody has seen alerts, so that status shows the others; raised again, an alert is open again."""
    from jobs.lakehouse.alerts import acknowledge
    from jobs.show import show

    if (alert is None) != everything:
        raise typer.BadParameter("say which: an id, an event, or --all")
    seen = acknowledge(load_settings(), alert, by, reason)
    show([{"id": each.id, "event": each.event, "business_date": each.business_date} for each in seen])


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulate(context: typer.Context) -> None:
    """The synthetic operator (all arguments go to `python -m simulator`)."""
    raise typer.Exit(_delegate("simulator", context.args))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """Benchmarks: `bench allocation ...` (the optimiser), `bench ingest ...` (parsing), `bench simulator ...` (writing)."""
    modules = {
        "allocation": "models.allocation.bench",
        "ingest": "jobs.ingest.bench",
        "models": "jobs.scoring.bench",
        "simulator": "simulator.bench",
    }
    if not context.args or context.args[0] not in modules:
        raise typer.BadParameter("say which: " + ", ".join(modules))
    raise typer.Exit(_delegate(modules[context.args[0]], context.args[1:]))


@app.command("scan-personal-data")
def scan_personal_data(
    leave_out: Annotated[list[str] | None, typer.Option(help="folder below home to pass by, may be repeated")] = None,
) -> None:
    """Look for every value of the vault in all files and databases outside landing, vault, exports and secrets; 1 when found."""
    from jobs.personal_data.scan import scan
    from jobs.show import show

    found = scan(load_settings(), leave_out or [])
    show(found.summary())
    if not found.is_clean:
        show(found.rows(), limit=500)
        raise typer.Exit(1)


def _delegate(module: str, arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode


@quarantine_app.command("open")
def quarantine_open(
    file_id: Annotated[str, typer.Option(help="file_id of ops.quarantine")],
    line: Annotated[int, typer.Option(help="line_number of ops.quarantine")],
    by: Annotated[str, typer.Option(help="who looks")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Show one quarantined record, personal data and all, on this screen; who looked and why is kept in ops.quarantine_opening."""
    from jobs.ingest.opening import open_record

    record = open_record(load_settings(), file_id, line, by, reason)
    typer.echo(record.decode("gb18030", errors="backslashreplace"))


@app.command()
def rekey(
    by: Annotated[str, typer.Option(help="who replaces the key")],
    quarantine: Annotated[bool, typer.Option(help="the quarantine's key instead of the tokens'")] = False,
) -> None:
    """Make a new key and replace every token of every table by it, all at once for readers; goes on where it was cut off."""
    from jobs.rekey.job import rekey as replace_tokens
    from jobs.rekey.quarantine import rekey_quarantine
    from jobs.show import show

    show([(rekey_quarantine if quarantine else replace_tokens)(load_settings(), by)])


@app.command("channel-key")
def channel_key(
    channel: Annotated[str, typer.Argument(help="channel code, as SMS")],
    new: Annotated[bool, typer.Option("--new", help="make another key, as when the old one was lost or seen")] = False,
    by: Annotated[str, typer.Option(help="who makes another key")] = "",
) -> None:
    """Print the key with which a channel checks the signatures of its lists; give it to the channel in private."""
    from jobs.targeting.export_signature import new_signing_key, signing_key

    settings = load_settings()
    key = new_signing_key(settings, channel, by) if new else signing_key(settings, channel)
    typer.echo(f"channel {channel}  key id {key.key_id}\n{key.secret.hex()}")


if __name__ == "__main__":
    app()
