"""The supervisor of a worker: two executed processes that live and end together.

It has no thread and no database connection, so there is nothing in it that could hang or be forked half-way.
"""

import logging
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loyalty_site.jobs import identity
from loyalty_site.jobs.lifeline import end_with_parent

logger = logging.getLogger(__name__)

BEAT_VARIABLE = "REGULARS_BEAT_FD"
# Until its first beat, the delivery loop may take so long: a busy machine reads its code slowly.
START_SECONDS = 60.0


@dataclass(frozen=True)
class _Child:
    name: str
    process: "subprocess.Popen[bytes]"

    def has_ended(self) -> bool:
        # Left unreaped: as long as its leader is a zombie, the number of the group cannot be given to another.
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def terminate(self) -> None:
        # The leader only: a SIGTERM to django-q2's whole group hangs it.
        self.process.send_signal(signal.SIGTERM)

    def kill_group(self) -> None:
        # Nobody left in it is well (macOS says so with EPERM).
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Supervisor:
    """Runs the cluster and the delivery loop until one ends, or a signal says so."""

    def __init__(self, *, manage: Path, stall_seconds: float, stop_seconds: float) -> None:
        self.manage = manage
        self.stall_seconds = stall_seconds
        self.stop_seconds = stop_seconds
        self.children: list[_Child] = []
        self.signals = 0

    def run(self) -> int:
        """Return the exit code: 0 after SIGTERM or SIGINT, 1 where a process ended or hung by itself.

        No process is left behind, and after a signal none is waited for longer than `stop_seconds`; a second
        signal ends the wait.
        """
        self.wake, wakeup = os.pipe()
        for end in (self.wake, wakeup):
            os.set_blocking(end, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        self.beats, beat = os.pipe()
        os.set_blocking(self.beats, False)
        environment = {
            **os.environ,
            identity.VARIABLE: identity.new_worker_name(),
            BEAT_VARIABLE: str(beat),
        }
        try:
            self._start("the cluster", "qcluster", environment)
            self._start("the delivery loop", "deliver", environment, pass_fds=(beat,))
            os.close(beat)
            return self._watch()
        finally:
            self._end()

    def _start(self, name: str, command: str, environment: dict[str, str], **options: Any) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own manage.py
            [sys.executable, str(self.manage), command],
            # Seen in pg_stat_activity.
            env={**environment, "PGAPPNAME": f"regulars {command}"},
            stdin=subprocess.DEVNULL,
            # Ctrl-C and a group-wide signal reach the supervisor alone.
            start_new_session=True,
            preexec_fn=partial(end_with_parent, os.getpid()),
            **options,
        )
        self.children.append(_Child(name, process))

    def _watch(self) -> int:
        beaten_at, patience = time.monotonic(), max(self.stall_seconds, START_SECONDS)
        while True:
            readable, _, _ = select.select([self.wake, self.beats], [], [], 1.0)
            if self.beats in readable and os.read(self.beats, 4096):
                beaten_at, patience = time.monotonic(), self.stall_seconds
            if self.wake in readable:
                os.read(self.wake, 4096)
            if self.signals:
                return 0
            for child in self.children:
                if child.has_ended():
                    logger.critical("%s has ended by itself, so the worker ends", child.name)
                    return 1
            if time.monotonic() - beaten_at > patience:
                logger.critical("The delivery loop is stuck, so the worker ends")
                return 1

    def _end(self) -> None:
        for child in self.children:
            if not child.has_ended():
                child.terminate()
        end = time.monotonic() + self.stop_seconds
        asked = self.signals
        while time.monotonic() < end and self.signals <= max(asked, 1):
            if all(child.has_ended() for child in self.children):
                break
            readable, _, _ = select.select([self.wake], [], [], 0.2)
            if readable:
                os.read(self.wake, 4096)
        for child in self.children:
            if not child.has_ended():
                logger.warning("%s does not stop and is killed", child.name)
            child.kill_group()

    def _on_signal(self, number: int, _frame: object) -> None:
        self.signals += 1
