"""The demo's child processes: they begin together and end together, and none is left behind."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loyalty_site.jobs.lifeline import end_with_parent

# A worker in the middle of a job gets 25 seconds of its own (WORKER_STOP_SECONDS).
STOP_SECONDS = 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Child:
    """A process, and the file that holds what it writes."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def has_ended(self) -> bool:
        # Left unreaped: until then the number of its group cannot be given to another.
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Processes:
    """Starts children, waits for a signal or for one of them to end, and ends them all.

    A context: leaving it, by whatever way, leaves no process behind. From entering it on, SIGINT, SIGTERM and SIGHUP
    only end `wait`, and a second one ends the patience with children that do not stop.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.children: list[Child] = []
        self.signals = 0

    def __enter__(self) -> "Processes":
        self.logs.mkdir(parents=True, exist_ok=True)
        self._wake, wakeup = os.pipe()
        for end in (self._wake, wakeup):
            os.set_blocking(end, False)
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def start(
        self, name: str, arguments: Sequence[str], *, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        """Start a child that Ctrl-C does not reach, and that the kernel ends should this process be killed."""
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 (our own programs)
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=pass_fds,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, os.getpid()),
            )
        self.children.append(Child(name, process, log))

    def named(self, name: str) -> Child:
        """The child of that name."""
        return next(child for child in self.children if child.name == name)

    def ended(self) -> Child | None:
        """A child that has ended, if one has."""
        return next((child for child in self.children if child.has_ended), None)

    @property
    def are_over(self) -> bool:
        """Whether a signal came or a child ended."""
        return bool(self.signals) or self.ended() is not None

    def wait(self) -> Child | None:
        """Wait for a signal, and return None, or for a child to end by itself, and return it."""
        while not self.signals:
            if (child := self.ended()) is not None:
                return child
            self._sleep(1.0)
        return None

    def _end(self) -> None:
        for child in self.children:
            if not child.has_ended:
                # The leader only: it knows best in which order its own children stop.
                child.process.terminate()
        asked = max(self.signals, 1)
        end = time.monotonic() + STOP_SECONDS
        while time.monotonic() < end and self.signals <= asked:
            if all(child.has_ended for child in self.children):
                break
            self._sleep(0.2)
        for child in self.children:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()

    def _sleep(self, seconds: float) -> None:
        readable, _, _ = select.select([self._wake], [], [], seconds)
        if readable:
            os.read(self._wake, 4096)

    def _on_signal(self, number: int, _frame: object) -> None:
        self.signals += 1
