"""The one way from a number to a person: its token in the vault, and a row of ops.person_lookup that says who asked."""

from __future__ import annotations

import os
import pwd
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from conf.settings import Settings
from jobs.lakehouse import delta_rs, secrets
from jobs.lakehouse.masking import masked
from jobs.people.msisdn import canonical
from jobs.people.tokens import Tokenizer
from jobs.people.vault import MSISDN, known_token

PERSON_LOOKUP = "ops.person_lookup"


def look_up(settings: Settings, msisdn: str, command: str, by: str | None = None) -> int | None:
    """Token of a number as a person writes it, None when no feed ever named it; recorded before anything is answered."""
    number, _ = canonical(msisdn)
    found = known_token(settings, MSISDN, number or "")
    now = datetime.now(UTC)
    row = {
        "lookup_id": uuid.uuid4().hex,
        "business_date": now.astimezone(ZoneInfo(settings.time_zone)).date(),
        "asked_at": now,
        "command": command,
        "asked_by": _user(),
        "asked_for": masked(by) if by else None,
        "msisdn_token": _token(settings, number) if found is None else found,
        "is_found": found is not None,
    }
    delta_rs.append(settings, PERSON_LOOKUP, [row])
    return found


def _token(settings: Settings, number: str | None) -> int | None:
    """Token of a number nobody has; none in a home that has no key yet."""
    if number is None or secrets.known_secret(settings, "token.key") is None:
        return None
    return Tokenizer.of(settings).token(MSISDN, number)


def _user() -> str:
    """Login of the process, which no variable of the environment can change."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
