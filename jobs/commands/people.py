"""Commands about persons: why somebody is contacted, who is taken off, what is shown, erased or looked for."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer

from conf.settings import load_settings
from jobs.commands.options import ByOption, NumberOption, OptionalNumber

app = typer.Typer()
audience_app = typer.Typer(help="Who a campaign would reach.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Records that broke a rule.", no_args_is_help=True)
app.add_typer(audience_app, name="audience")
app.add_typer(quarantine_app, name="quarantine")


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


@quarantine_app.command("open")
def quarantine_open(
    file_id: Annotated[str, typer.Option(help="file_id of ops.quarantine")],
    line: Annotated[int, typer.Option(help="line_number of ops.quarantine")],
    by: Annotated[str, typer.Option(help="who looks")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Show one quarantined record, personal data and all, on this screen; who looked and why is kept in ops.quarantine_opening."""
    from jobs.people.quarantine_access import open_record

    record = open_record(load_settings(), file_id, line, by, reason)
    typer.echo(record.decode("gb18030", errors="backslashreplace"))


@app.command("scan-personal-data")
def scan_personal_data(
    leave_out: Annotated[list[str] | None, typer.Option(help="folder below home to pass by, may be repeated")] = None,
) -> None:
    """Look for every value of the vault in all files and databases outside landing, vault, exports and secrets; 1 when found."""
    from jobs.privacy.scan import scan
    from jobs.show import show

    found = scan(load_settings(), leave_out or [])
    show(found.summary())
    if not found.is_clean:
        show(found.rows(), limit=500)
        raise typer.Exit(1)
