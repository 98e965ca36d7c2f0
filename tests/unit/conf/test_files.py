"""A file is there whole or not at all, also when its writer dies half-way or another writes it too."""

from __future__ import annotations

import pytest

from conf.files import whole_file, write_whole


def test_old_content_stays_given_a_writer_that_fails_half_way(tmp_path):
    file = tmp_path / "reports" / "index.html"
    write_whole(file, "old")

    def fail_half_way():
        with whole_file(file) as partial:
            partial.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert file.read_text() == "old"
    assert [path.name for path in file.parent.iterdir()] == ["index.html"]


def test_text_is_utf8_and_bytes_are_bytes(tmp_path):
    write_whole(tmp_path / "text", "彩铃")
    write_whole(tmp_path / "bytes", b"\x80")

    assert (tmp_path / "text").read_bytes() == "彩铃".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x80"
