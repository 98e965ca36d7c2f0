"""Signatures of lists: the handbook's own command verifies them, a swapped file or key does not, a lost key is not replaced."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conf.errors import ExportRefused, InputRefused
from jobs.cli import app
from jobs.lakehouse import secrets
from jobs.targeting.export_files import done_of, manifest_of, signature_of
from jobs.targeting.export_signature import new_signing_key, signing_key

HANDBOOK = Path(__file__).parents[3] / "docs" / "channel-handbook.md"


@pytest.fixture
def released(settings, tmp_path):
    """A list with manifest, `.done` and signature as the export writes them."""
    target = tmp_path / "SMS_20260311_CRBT_SAVE_001.txt"
    manifest, done = b'{"file_name": "SMS_20260311_CRBT_SAVE_001.txt"}\n', b"0" * 64 + b"\n"
    manifest_of(target).write_bytes(manifest)
    done_of(target).write_bytes(done)
    signature_of(target).write_bytes(signing_key(settings, "SMS").signature(manifest, done))
    return target


def verifies(target: Path, key: str) -> bool:
    """What the example of the handbook says, run as it stands there."""
    (script,) = re.findall(r"```sh\n(.*?)```", HANDBOOK.read_text(encoding="utf-8"), re.DOTALL)
    assert script.count("openssl") >= 1
    script = script.replace("OUTBOUND_20260311_CRBT_SAVE_001.csv", target.name).replace("OUTBOUND.key", "channel.key")
    (target.parent / "channel.key").write_text(key + "\n")
    found = subprocess.run(["sh", "-c", script], cwd=target.parent, capture_output=True, text=True, check=False)
    assert ("signature holds" in found.stdout) == (found.returncode == 0), found.stderr
    return found.returncode == 0


def key_of(settings, *options: str) -> str:
    command = ["--profile", "local", "--home", str(settings.home), "channel-key", "SMS", *options]
    return CliRunner().invoke(app, command).output.split()[-1]


def test_the_handbooks_command_verifies_with_the_key_the_channel_got(settings, released):
    assert verifies(released, key_of(settings))


@pytest.mark.parametrize("of", [manifest_of, done_of])
def test_a_swapped_file_does_not_verify(settings, released, of):
    of(released).write_bytes(of(released).read_bytes().replace(b"0", b"1"))
    assert not verifies(released, key_of(settings))


def test_another_channels_key_signs_nothing_of_this_one(settings, released):
    assert not verifies(released, signing_key(settings, "MMS").secret.hex())


def test_a_lost_channel_key_is_made_anew_by_a_person_alone(settings, released):
    first = signing_key(settings, "SMS").key_id
    secrets.remove_secret(settings, "channel-SMS.key")
    with pytest.raises(ExportRefused, match="channel-key SMS --new"):
        signing_key(settings, "SMS")
    with pytest.raises(InputRefused, match="--by"):
        new_signing_key(settings, "SMS", " ")
    key = key_of(settings, "--new", "--by", "wu.dp")
    assert signing_key(settings, "SMS").key_id != first
    assert not verifies(released, key), "the list of before was signed with the other key"
    with pytest.raises(InputRefused, match="wanted: one of"):
        signing_key(settings, "FAX")
