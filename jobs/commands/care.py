"""Commands of whoever is on call: how it stands, what was seen, keys."""

from __future__ import annotations

from typing import Annotated

import typer

from conf.settings import load_settings

app = typer.Typer()


@app.command()
def status() -> None:
    """One screen for the person on call, gravest first; ends with 0 when all is well, 1 when somebody is needed, 2 when it cannot tell."""
    from jobs.show import show_tables
    from jobs.status import status as status_of

    found = status_of(load_settings())
    show_tables(found.parts)
    raise typer.Exit(found.code)


@app.command()
def watch() -> None:
    """For cron or a timer: tell what is late, missed, dead, full or still, by the webhook first; ends with 0, 1 or 2 as status does."""
    from jobs.show import show
    from jobs.watch.watch import watch as watch_once

    outcome = watch_once(load_settings())
    for found in outcome.findings:
        typer.echo(f"{found.judged.severity} {found.event} {found.business_date}: {found.text}")
    if outcome.unsent:
        show(f"{outcome.unsent} alerts nobody has taken yet (webhook, mail or chat)")
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
