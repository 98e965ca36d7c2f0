"""Whoever waits for a lock waits as long as its holder works, and says so."""

from __future__ import annotations

import logging
import threading

from jobs.lakehouse import locks


def test_waiting_has_no_end_while_the_holder_works_and_is_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(locks, "SAY_SECONDS", 0.05)
    path = tmp_path / "locks" / "table.lock"
    waiting_twice, got_it = threading.Event(), threading.Event()

    def wait_for_it():
        with locks.held(path):
            got_it.set()

    class Count(logging.Handler):
        said = 0

        def emit(self, record):
            self.said += 1
            if self.said >= 2:
                waiting_twice.set()

    handler = Count()
    locks.log.addHandler(handler)
    try:
        with locks.held(path):
            other = threading.Thread(target=wait_for_it)
            other.start()
            assert waiting_twice.wait(30)
            assert not got_it.is_set()
        assert got_it.wait(30)
        other.join()
    finally:
        locks.log.removeHandler(handler)
