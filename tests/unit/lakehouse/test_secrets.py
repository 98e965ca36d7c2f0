"""Secrets of a home: made once and whole, for their owner only; a looser file or folder is refused."""

import os

import pytest

from conf.errors import InputRefused
from jobs.lakehouse import secrets


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(settings):
    first = secrets.key(settings, "token")
    path = settings.path("secrets", "token.key")
    assert secrets.key(settings, "token") == first
    assert len(first) == 32
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize(("place", "mode", "said"), [("token.key", 0o644, "chmod 600"), ("", 0o755, "chmod 700")])
def test_a_looser_file_or_folder_is_refused(settings, place, mode, said):
    secrets.key(settings, "token")
    settings.path("secrets", place).chmod(mode)
    with pytest.raises(InputRefused, match=said):
        secrets.key(settings, "token")


def test_a_kill_while_a_secret_is_made_leaves_none(settings, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        secrets.key(settings, "token")
    assert secrets.known_secret(settings, "token.key") is None
    monkeypatch.undo()
    assert len(secrets.key(settings, "token")) == 32


def test_the_secret_of_whoever_was_first_counts(settings):
    def slower_than_another_process() -> str:
        secrets.replace_secret(settings, "webhook", "theirs")
        return "ours"

    assert secrets.secret(settings, "webhook", slower_than_another_process) == "theirs"


@pytest.mark.parametrize("text", ["", "\n", "0f" * 31, "g" * 64])
def test_an_empty_or_broken_key_is_refused_and_stays(settings, text):
    path = secrets.replace_secret(settings, "token.key", text)
    with pytest.raises(InputRefused, match="backup"):
        secrets.key(settings, "token")
    assert path.read_text().strip() == text.strip()
