"""A process that does what the bench tells it, as the runtime role: one JSON line in, one JSON line out.

A line names a function of one of the bench's modules and its keywords: `["earn", "run", {"seconds": 5}]`.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Worker:
    """The process, seen from the bench."""

    def __init__(self, role: str = "runtime") -> None:
        environment = dict(os.environ)
        if role == "owner":
            environment["DATABASE_URL"] = environment["DATABASE_OWNER_URL"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def begin(self, module: str, function: str, **keywords: Any) -> None:
        """Have it call the function; `end` waits for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([module, function, keywords]) + "\n")
        self.process.stdin.flush()

    def end(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("A process of the bench has died; its error stands above.")
        return json.loads(line)

    def call(self, module: str, function: str, **keywords: Any) -> Any:
        self.begin(module, function, **keywords)
        return self.end()


@contextmanager
def workers(count: int, role: str = "runtime") -> Iterator[list[Worker]]:
    """So many processes on the database that the environment names, as that role, ended at the end."""
    started = [Worker(role) for _ in range(count)]
    try:
        yield started
    finally:
        for worker in started:
            if worker.process.stdin is not None:
                worker.process.stdin.close()
            worker.process.wait(timeout=30)


def together(team: Sequence[Worker], module: str, function: str, **keywords: Any) -> list[Any]:
    """Have all of them call the function at once; a keyword given as a list has one value for each."""
    for number, worker in enumerate(team):
        own = {name: value[number] if isinstance(value, list) else value for name, value in keywords.items()}
        worker.begin(module, function, **own)
    return [worker.end() for worker in team]


def _main() -> None:
    import django

    django.setup()
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        module, function, keywords = json.loads(line)
        called = getattr(importlib.import_module(f"tests.bench.{module}"), function)
        answers.write(json.dumps(called(**keywords)) + "\n")
        answers.flush()


if __name__ == "__main__":
    _main()
