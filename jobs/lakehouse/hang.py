"""Ends a job in which nothing moves any more, so that it frees its lock and the writer's slot; one that works is never ended.

Signs of work: files below home (jobs/lakehouse/patience.py), and processor time of the job, its children and the Spark server
of this machine.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from conf.errors import ClosedLoopError
from conf.settings import Settings
from jobs.lakehouse.alerts import now, raise_alert, tell_without_home
from jobs.lakehouse.patience import Patience, signs_of_work
from jobs.lakehouse.process_mark import cpu_seconds, with_children
from jobs.lakehouse.server import recorded_pid

log = logging.getLogger("closedloop")

LOOKS = 15  # during the time of silence
GRACE_SECONDS = 60.0  # between being asked to end and being killed
TELLING_SECONDS = 60.0
IDLE_SHARE = 0.10  # of one core, over the time of silence: an idle Spark server needs less, work more


class JobHung(ClosedLoopError):
    """Nothing moved in a job for so long that it was ended."""


def sees_work(settings: Settings) -> bool:
    """Whether the work of a job can be seen from here: on a cluster of others no file and no process of ours need move."""
    return not settings.spark.remote or settings.spark.is_our_server


def worked_seconds(*pids: int | None) -> float:
    """Processor time of living processes and their children so far."""
    return sum(cpu_seconds(with_children(pid)) for pid in {pid for pid in pids if pid})


@contextmanager
def ended_when_still(settings: Settings, job: str) -> Iterator[None]:
    """Run a job of this process; JobHung out of it once nothing has moved for services.silence_seconds.

    A call into the system that no signal wakes, as to a dead mount, ends with the process: kill -9 after GRACE_SECONDS.
    """
    if threading.current_thread() is not threading.main_thread() or not sees_work(settings):
        yield  # only the main thread can be woken; the task's own limit remains
        return
    watcher = _Watcher(settings, job)
    before = signal.signal(signal.SIGUSR1, watcher.wake)
    watcher.start()
    try:
        yield
    finally:
        watcher.is_over.set()
        signal.signal(signal.SIGUSR1, before)


class _Watcher:
    """Two threads: one looks at the files and may itself hang on a dead mount, the other one counts the silence."""

    def __init__(self, settings: Settings, job: str):
        self.settings, self.job = settings, job
        self.silence_seconds = settings.services.silence_seconds
        self.is_over = threading.Event()
        self.server_pid: int | None = None
        self.files: tuple[int, int] | None = None
        self.looking_cpu = 0.0

    def start(self) -> None:
        for loop in (self._look_at_files, self._count_silence):
            threading.Thread(target=loop, name=f"hang-{loop.__name__}", daemon=True).start()

    def wake(self, number: int, frame: object) -> None:
        """The job's own thread is woken out of whatever it waits for."""
        if not self.is_over.is_set():
            raise JobHung(self.text)

    @property
    def text(self) -> str:
        """What is told, the same for every end of this job."""
        return (
            f"{self.job}: nothing has moved for {self.silence_seconds:.0f} s: no file below home, no processor time; it was ended\n"
            "  to do:  look at the disk and at the mounts, landing above all; the job may be run again"
        )

    def _look_at_files(self) -> None:
        while not self.is_over.wait(self.silence_seconds / LOOKS):
            self.server_pid = recorded_pid(self.settings)
            self.files = signs_of_work(self.settings)
            self.looking_cpu = time.thread_time()

    def _count_silence(self) -> None:
        patience, enough = Patience(self.silence_seconds), IDLE_SHARE * self.silence_seconds
        while not self.is_over.wait(self.silence_seconds / LOOKS):
            ours = self.looking_cpu + time.thread_time()  # for looking and counting: no work of the job
            worked = int((worked_seconds(os.getpid(), self.server_pid) - ours) / enough)
            if patience.saw((self.files, worked)):
                self._end()
                return

    def _end(self) -> None:
        if not _within(TELLING_SECONDS, self._tell):  # the home is dead as well, and must not hold up the end
            _within(TELLING_SECONDS, self._tell_without_home)
        if self.is_over.is_set():
            return
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)  # type: ignore[arg-type]
        if not self.is_over.wait(GRACE_SECONDS):
            os.kill(os.getpid(), signal.SIGKILL)

    def _tell(self) -> None:
        raise_alert(self.settings, "JOB_HUNG", self._today(), self.text, job=self.job, process=os.getpid())

    def _tell_without_home(self) -> None:
        tell_without_home(self.settings, "JOB_HUNG", self._today(), self.text, same_as=f"{self.job} {os.getpid()}")

    def _today(self) -> date:
        return now(self.settings).date()


def _within(seconds: float, work: Callable[[], None]) -> bool:
    """Whether some work ended in time; what hangs is left behind."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
