"""A limit is on silence: what moves is waited for however long it takes, what stands still is given up."""

from __future__ import annotations

from jobs.lakehouse.patience import Patience, Rarely, signs_of_work


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_work_that_moves_is_waited_for_however_long_it_takes():
    clock = Clock()
    patience = Patience(900, clock)

    for minute in range(10_000):  # a week of work, a sign every minute
        clock.now = minute * 60.0
        assert not patience.saw(("conform running", minute))


def test_silence_ends_it_and_a_sign_begins_anew():
    clock = Clock()
    patience = Patience(900, clock)
    patience.saw("running")
    clock.now = 899
    assert not patience.saw("running")
    assert not patience.saw("success")
    clock.now = 899 + 899
    assert not patience.saw("success")
    clock.now = 899 + 900
    assert patience.saw("success")


def test_rows_written_below_home_are_a_sign(settings):
    before = signs_of_work(settings)
    part = settings.path("lake", "silver", "usage_daily", "part-0.parquet")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"rows")
    one_file = signs_of_work(settings)
    part.write_bytes(b"more rows")
    settings.path("airflow").mkdir()
    settings.path("airflow", "scheduler.log").write_text("heartbeat")  # moves while nothing is done

    assert before == (0, 0)
    assert one_file == (1, 4)
    assert signs_of_work(settings) == (1, 9)


def test_dear_sign_is_read_now_and_then():
    clock, reads = Clock(), []
    sign = Rarely(lambda: reads.append(1) or len(reads), 15, clock)

    for second in range(60):
        clock.now = float(second)
        sign()

    assert len(reads) == 4
