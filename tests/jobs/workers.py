"""A whole worker, watched from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.server import ROOT

WAIT = 60


class RunningWorker:
    """`manage.py run_worker` on a database of its own, and every process that belongs to it."""

    def __init__(self, database: str, log: Path, **environment: str) -> None:
        self.database = database
        self.log = log
        with log.open("wb") as out:
            self.supervisor = subprocess.Popen(
                [sys.executable, "manage.py", "run_worker"],
                cwd=ROOT,
                env={**os.environ, "Q_WORKERS": "2", **environment},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def processes(self, command: str = "") -> list[int]:
        """Ids of the processes on this database whose command line holds `manage.py` and `command`, the first first."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                mine = self.database.encode() in (entry / "environ").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            line = b" ".join(words)
            if mine and b"manage.py" in line and command.encode() in line:
                found.append(int(entry.name))
        return sorted(found)

    @property
    def cluster(self) -> int:
        """The process that the supervisor started; the sentinel and the workers stand below it."""
        [leader] = [each for each in self.processes("qcluster") if _parent(each) == self.supervisor.pid]
        return leader

    @property
    def idle_workers(self) -> list[int]:
        """The processes of the sentinel: two workers, the monitor and the pusher, in the order they were made."""
        [sentinel] = [each for each in self.processes("qcluster") if _parent(each) == self.cluster]
        return [each for each in self.processes("qcluster") if _parent(each) == sentinel][:2]

    @property
    def delivery(self) -> int:
        [process] = self.processes("deliver")
        return process

    def is_up(self) -> bool:
        return len(self.processes("qcluster")) == 6 and len(self.processes("deliver")) == 1

    def exit_code(self) -> int:
        try:
            return self.supervisor.wait(WAIT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"The worker does not end.\n{self.log.read_text()}") from None

    def nothing_is_left(self) -> bool:
        wait_until(lambda: not self.processes(), lambda: f"left: {self.processes()}")
        return True

    def kill_everything(self) -> None:
        for process in [self.supervisor.pid, *self.processes()]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.supervisor.wait()


def wait_until(condition: Callable[[], bool], say: Callable[[], str] = lambda: "") -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, say()
        time.sleep(0.1)


def _parent(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text.rpartition(")")[2].split()[1])
