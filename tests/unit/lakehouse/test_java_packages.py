"""Files that come by Maven: only what the list of digests names is taken, and nothing is fetched twice."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from jobs.lakehouse import java_packages
from jobs.lakehouse.java_packages import FetchFailed, JavaPackages, fetch

CONTENT = "a jar"


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of one file, and a `mvn` on the path that writes that file and counts its calls."""
    digests = tmp_path / "list.sha256"
    digests.write_text(f"# one\n{sha256(CONTENT.encode()).hexdigest()}  a.jar\n", encoding="utf-8")
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\nfor word; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done\n"
        f'mkdir -p "$out"; printf "%s" "${{JAR:-{CONTENT}}}" >"$out/a.jar"; echo call >>{tmp_path}/calls\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    only = JavaPackages("one JAR", "jars", "a.group", digests)
    monkeypatch.setattr(java_packages, "JARS", only)
    monkeypatch.setattr(java_packages, "PAGES", only)
    return tmp_path


def test_what_is_missing_is_fetched_once(maven):
    said: list[str] = []
    fetch(said.append, maven / "base")
    fetch(said.append, maven / "base")
    assert said == ["one JAR, by Maven"]
    assert (maven / "base" / "jars" / "a.jar").read_text() == CONTENT
    assert (maven / "calls").read_text().count("call") == 1


def test_a_file_that_differs_from_its_digest_is_refused(maven, monkeypatch):
    monkeypatch.setenv("JAR", "another")
    with pytest.raises(FetchFailed, match=r"a\.jar missing or different"):
        fetch(lambda _: None, maven / "base")


def test_without_maven_it_says_what_to_install(maven, monkeypatch):
    monkeypatch.setenv("PATH", str(maven))
    with pytest.raises(FetchFailed, match="apt-get install maven"):
        fetch(lambda _: None, maven / "base")
