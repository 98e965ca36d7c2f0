"""The token of the Spark Connect server: whoever has it may read every table and run code as the pipeline does.

It travels by environment alone: an argument, an address or a setting would show it in process lists and logs.
"""

from __future__ import annotations

import os
from pathlib import Path

from conf.errors import ServerUnavailable
from conf.settings import SPARK_TOKEN_FILE, SPARK_TOKEN_VARIABLE, Settings
from jobs.lakehouse.secrets import known_secret, new_key, secret

LISTENING = "0A"  # state of a socket in /proc/net/tcp


def token(settings: Settings) -> str:
    """Token of our server, made once; of a server others run the one they gave, from the environment or secrets/.

    Raises InputRefused when others may read the file, ServerUnavailable when there is no token for a server of others.
    """
    if settings.spark.is_our_server or not settings.spark.remote:
        return secret(settings, SPARK_TOKEN_FILE, new_key)
    given = os.environ.get(SPARK_TOKEN_VARIABLE) or known_secret(settings, SPARK_TOKEN_FILE)
    if not given:
        raise ServerUnavailable(
            f"no token for the Spark server {settings.spark.remote}\n"
            f"  to do:  set {SPARK_TOKEN_VARIABLE}, or write it into {settings.path('secrets', SPARK_TOKEN_FILE)} (mode 600)"
        )
    return given


def bring_token(settings: Settings) -> None:
    """Put the token into this process's environment, where the Spark client looks for it; never shown to a stranger.

    Raises ServerUnavailable when another user of this machine listens on our server's port.
    """
    if settings.spark.is_our_server:
        _refuse_strangers(settings)
    os.environ[SPARK_TOKEN_VARIABLE] = token(settings)


def _refuse_strangers(settings: Settings) -> None:
    strangers = _listeners(settings.spark.port) - _trusted(settings)
    if strangers:
        raise ServerUnavailable(
            f"port {settings.spark.port} of this machine is another user's (uid {min(strangers)}); our token is not shown there\n"
            "  to do:  have that process stopped, or set spark.port and spark.remote in the profile"
        )


def _trusted(settings: Settings) -> set[int]:
    """Users who may read the token anyhow: root, ourselves, the owner of the home."""
    return {0, os.geteuid(), settings.home.stat().st_uid}


def _listeners(port: int) -> set[int]:
    """Users who listen on a port of any address, IPv6 too: a client that asks for `localhost` may come to either."""
    return {int(uid) for local, state, uid in _sockets() if state == LISTENING and int(local[-4:], 16) == port}


def _sockets() -> list[tuple[str, str, str]]:
    """Local address, state and user of each TCP socket; none where the kernel does not tell."""
    found = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
            found += [(row[1], row[3], row[7]) for row in rows]
    return found
