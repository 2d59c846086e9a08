"""Loops that call providers: each drains in a thread of its own, so that a slow mail server delays nobody's news."""

import logging
import threading
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connections

logger = logging.getLogger(__name__)

Stop = Callable[[], bool]
# How often a thread without work looks whether it is to end; a stop wakes it sooner.
LOOK_SECONDS = 1.0
# A provider's answer may be waited for when everything else has stopped; the supervisor has the last word.
END_SECONDS = 60.0


class Apart:
    """The thread of one loop. `wake` never waits; the thread drains until there is nothing more."""

    def __init__(self, name: str, drain: Callable[[Stop], bool], stop: Stop) -> None:
        self.name, self.drain = name, drain
        self._outer_stop = stop
        self._ended = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"deliver-{name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the thread look for work."""
        self._woken.set()

    def end(self) -> None:
        """Have the thread stop where it can, and wait for it."""
        self._ended = True
        self._woken.set()
        self._thread.join(END_SECONDS)

    def _stop(self) -> bool:
        return self._ended or self._outer_stop()

    def _run(self) -> None:
        try:
            while not self._stop():
                if self._woken.wait(LOOK_SECONDS):
                    self._woken.clear()
                    self._drain()
        finally:
            connections.close_all()

    def _drain(self) -> None:
        try:
            while not self._stop() and self.drain(self._stop):
                pass
        except (OperationalError, InterfaceError) as error:
            logger.warning("The delivery of %s lost the database: %s", self.name, error)
            connections.close_all()
        except Exception:
            # It stays loud: every poll says so again.
            logger.exception("The delivery of %s failed; it is tried again", self.name)
