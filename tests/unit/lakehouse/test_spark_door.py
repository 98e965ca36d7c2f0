"""The Spark server's token: made once, brought by environment, never shown to another user's port."""

from __future__ import annotations

import os
import socket

import pytest

from conf.errors import InputRefused, ServerUnavailable
from conf.settings import SPARK_TOKEN_VARIABLE
from jobs.lakehouse import spark_door
from jobs.lakehouse.spark_door import bring_token, token


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"])
def listening(request, settings, monkeypatch):
    """Settings whose server port somebody listens on."""
    monkeypatch.delenv(SPARK_TOKEN_VARIABLE, raising=False)
    settings.home.mkdir(parents=True)
    family, address = request.param
    with socket.socket(family) as door:
        try:
            door.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
        door.listen()
        port = door.getsockname()[1]
        spark = settings.spark.model_copy(update={"port": port, "remote": f"sc://localhost:{port}"})
        yield settings.model_copy(update={"spark": spark})


def test_token_comes_into_the_environment_given_a_listener_of_ours(listening):
    bring_token(listening)

    assert os.environ[SPARK_TOKEN_VARIABLE] == token(listening)


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="who listens is told by Linux")
def test_token_stays_hidden_given_a_listener_of_another_user(listening, monkeypatch):
    monkeypatch.setattr(spark_door, "_trusted", lambda settings: {os.geteuid() + 1})

    with pytest.raises(ServerUnavailable, match="another user's"):
        bring_token(listening)

    assert SPARK_TOKEN_VARIABLE not in os.environ


def test_token_others_may_read_is_refused(settings):
    token(settings)
    settings.path("secrets", "spark.token").chmod(0o644)

    with pytest.raises(InputRefused, match="chmod 600"):
        token(settings)


def test_server_of_others_is_asked_with_their_token_only(settings, monkeypatch):
    monkeypatch.delenv(SPARK_TOKEN_VARIABLE, raising=False)
    spark = settings.spark.model_copy(update={"remote": "sc://spark-connect.internal:15002/;use_ssl=true"})
    theirs = settings.model_copy(update={"spark": spark})

    with pytest.raises(ServerUnavailable, match="no token"):
        bring_token(theirs)
    assert not settings.path("secrets").exists()  # none of our own is made up

    monkeypatch.setenv(SPARK_TOKEN_VARIABLE, "theirs")
    assert token(theirs) == "theirs"
