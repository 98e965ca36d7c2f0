"""Makes a new token key and replaces every token of the lake: readers see all tables of before, or all of after.

Noted in lake/_rekey.json before the first commit: the versions worked from. Every table is written anew from these; one commit
of ops.published shows silver, gold and reports, and lifts the hold on the old versions of bronze, vault and ops; then the new
key takes the place of the old one. Cut off anywhere, the next run goes on. No job starts in between.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from conf.errors import ClosedLoopError, InputRefused
from conf.night import load_night
from conf.settings import Settings
from conf.tables import load_tables, table_of
from jobs.lakehouse import delta_rs, faults, pins, published, secrets
from jobs.lakehouse.keys import key_id, register
from jobs.lakehouse.locks import held
from jobs.lakehouse.logs import fact
from jobs.lakehouse.rewriting import is_newest_by, rewrite
from jobs.lakehouse.run import exclusive
from jobs.people import tokens
from jobs.people.record_mac import derived_key
from jobs.people.tokens import Tokenizer
from jobs.people.vault import IDENTITY
from jobs.rekey.mapping import Mapping, event_columns, token_columns, tokens_in

log = logging.getLogger("closedloop")
STAGE = "rekey"
NEXT = "token-next"


def rekey(settings: Settings, by: str) -> dict[str, Any]:
    """Replace the token key in a person's name, or go on with a change that was cut off; returns tables, rows and tokens.

    Raises InputRefused without a person or without a vault, AlreadyRunning while a job is at work, WrongKey when the key is not
    the vault's.
    """
    if not by.strip():
        raise InputRefused(f"rekey: found by '{by}'; wanted who replaces the key")
    with every_stage(settings):
        state = pins.unfinished(settings) or _begin(settings, by.strip())
        if not pins.is_published(settings, state["run_id"]):
            _publish(settings, state, _write_all(settings, state))
        _put_the_key_in_place(settings, state)
        found = {
            "by": state["by"],
            "old_key": state["old_key"],
            "new_key": state["new_key"],
            "tables": len(state["versions"]),
            "tokens": delta_rs.count(settings, IDENTITY),
            "strangers": state.get("strangers"),
        }
        fact(log, logging.INFO, "TOKENS_REPLACED", found)
    return found


@contextmanager
def every_stage(settings: Settings) -> Iterator[None]:
    """Hold the locks of the night and of all stages: AlreadyRunning when one is at work."""
    with ExitStack() as locks:
        for stage in sorted({"night", *map(load_night().lock_of, load_night().jobs)}):
            locks.enter_context(exclusive(settings, stage, between_keys=True))
        yield


def _begin(settings: Settings, by: str) -> dict[str, Any]:
    """Note what the change works on: the newest versions of bronze, vault and ops tables, the published ones of the others."""
    delta_rs.ensure_tables(settings)
    if not delta_rs.count(settings, IDENTITY):
        raise InputRefused("rekey: found an empty vault, wanted tokens to replace")
    old = Tokenizer.of(settings).key
    new = secrets.key(settings, NEXT)
    state: dict[str, Any] = {
        "run_id": f"{STAGE}-{uuid.uuid4().hex[:12]}",
        "by": by,
        "old_key": key_id(old),
        "new_key": key_id(new),
        "versions": {},
    }
    while (versions := _versions(settings)) != state[
        "versions"
    ]:  # once noted, nobody adds rows to these tables any more
        pins.note(settings, state := state | {"versions": versions})
    faults.point("rekey.begun")
    return state


def _versions(settings: Settings) -> dict[str, int]:
    seen = published.published_versions(settings)
    return {
        name: delta_rs.head_version(settings, name) if table.is_delta_rs else seen[name]
        for name, table in sorted(load_tables().items())
        if (token_columns(table) or event_columns(table)) and (table.is_delta_rs or name in seen)
    }


def _write_all(settings: Settings, state: dict[str, Any]) -> dict[str, int]:
    """Write each table with new tokens and hold it against the one of before; returns the new versions."""
    mapping = _mapping(settings, state)
    strangers = _strangers(settings, state, mapping)
    state["strangers"] = len(strangers)
    wanted = np.union1d(mapping.new, mapping.tokens(strangers))
    new_versions = {}
    for name, version in state["versions"].items():
        if not is_newest_by(settings, name, state["run_id"]):
            rewrite(settings, name, version, partial(mapping.batch, table_of(name)), state["run_id"])
            faults.point(f"rekey.{name}")
        new_versions[name] = delta_rs.head_version(settings, name)
        _require_whole(settings, name, version, new_versions[name], wanted)
    return new_versions


def _mapping(settings: Settings, state: dict[str, Any]) -> Mapping:
    key = secrets.key(settings, NEXT)
    if key_id(key) != state["new_key"]:
        raise ClosedLoopError(
            f"secrets/{NEXT}.key\n  found:  another key, {key_id(key)}\n  wanted: {state['new_key']}, with which tables are written already\n"
            "  to do:  bring it back from the backup; the old key and the tables readers see are untouched"
        )
    return Mapping.of_vault(settings, state["versions"][IDENTITY], key, _link(key))


def _link(key: bytes) -> bytes:
    """What makes new ids of events from those of before; the key does not follow from it."""
    return derived_key(key, b"event link")


def _strangers(settings: Settings, state: dict[str, Any], mapping: Mapping) -> np.ndarray:
    found = [np.empty(0, np.int64)]
    for name, version in state["versions"].items():
        found += [mapping.strangers(tokens) for tokens in tokens_in(settings, name, version)]
    return np.unique(np.concatenate(found))


def _require_whole(settings: Settings, name: str, before: int, after: int, wanted: np.ndarray) -> None:
    """As many rows as before, and every token one that the new key gives."""
    rows = delta_rs.count(settings, name, before), delta_rs.count(settings, name, after)
    unknown = sum(int((~np.isin(tokens, wanted)).sum()) for tokens in tokens_in(settings, name, after))
    if rows[0] != rows[1] or unknown:
        raise ClosedLoopError(
            f"{name}: found {rows[1]} rows and {unknown} tokens the new key does not give, wanted {rows[0]} rows and none\n"
            "  to do:  nothing was published, readers see the tables of before; report it as a fault"
        )


def _publish(settings: Settings, state: dict[str, Any], versions: dict[str, int]) -> None:
    """Show all tables at once; each keeps the stage and the business date up to which it was built."""
    faults.point("rekey.before_publish")
    with held(settings.path("run", "locks", "published.lock")):
        newest = published.newest_rows(settings)
        shared = {
            "run_id": state["run_id"],
            "published_seq": max((row["published_seq"] for row in newest), default=0) + 1,
        }
        rows = [
            {**row, **shared, "version": versions[row["table_name"]]} for row in newest if row["table_name"] in versions
        ]
        rows = [row for row in rows if row["table_name"] != IDENTITY]
        night = max((row["business_date"] for row in newest), default=settings.first_night)
        # The vault's row is the switch also in a home that published nothing yet.
        vault = {"stage": STAGE, "business_date": night, "table_name": IDENTITY, "version": versions[IDENTITY]}
        delta_rs.append(settings, published.PUBLISHED, [*rows, vault | shared], state["run_id"])
    faults.point("rekey.after_publish")


def _put_the_key_in_place(settings: Settings, state: dict[str, Any]) -> None:
    """The new key takes the place of the old one; each step may be done twice."""
    text = secrets.known_secret(settings, f"{NEXT}.key")
    if text is not None:
        key = secrets.key(settings, NEXT)
        keys = tokens.event_keys(settings) or [Tokenizer.of_file(settings).key]
        if keys[-1] != _link(key):
            keys = [*keys, _link(key)]
            secrets.replace_secret(settings, tokens.EVENT_KEYS, "\n".join(each.hex() for each in keys))
        faults.point("rekey.event_keys")
        secrets.replace_secret(settings, f"{tokens.NAME}.key", text)
        faults.point("rekey.key_in_place")
        register(settings, tokens.EVENTS, b"".join(keys), state["by"])
        register(settings, tokens.NAME, key, state["by"])
        secrets.remove_secret(settings, f"{NEXT}.key")
    faults.point("rekey.before_end")
    pins.state_file(settings).unlink()
