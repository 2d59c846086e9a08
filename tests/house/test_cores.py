"""Web processes that keep to a core each."""

import os
import signal
import sys
import time

import pytest

from tests.http.serving import serving

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cores are chosen on Linux"),
]
CORES = sorted(os.sched_getaffinity(0)) if sys.platform.startswith("linux") else []


def kept_to(pid):
    """The cores that each thread of the process may run on."""
    return [os.sched_getaffinity(int(thread)) for thread in os.listdir(f"/proc/{pid}/task")]


def settled(web, count):
    """The processes, once there are so many and each keeps to one core; and those cores."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pids = web.workers()
        cores = [kept_to(pid) for pid in pids]
        if len(pids) == count and all(len(each) == 1 for threads in cores for each in threads):
            return pids, [core for [core] in (threads[0] for threads in cores)]
        time.sleep(0.1)
    raise AssertionError(cores)


def test_each_process_has_a_core_and_one_that_takes_the_place_of_another_has_its_core(own_database):
    count = len(CORES)
    with serving("--config=python:loyalty_site.cores", f"--workers={count}") as web:
        pids, cores = settled(web, count)
        assert sorted(cores) == CORES

        os.kill(pids[0], signal.SIGKILL)
        while pids[0] in web.workers():
            time.sleep(0.05)

        _, cores = settled(web, count)
        assert sorted(cores) == CORES


def test_more_processes_than_cores_share_them_evenly(own_database):
    with serving("--config=python:loyalty_site.cores", f"--workers={2 * len(CORES)}") as web:
        _, cores = settled(web, 2 * len(CORES))

    assert sorted(cores) == sorted(CORES * 2)


def test_threads_that_begin_later_stay_there_too(own_database):
    with serving("--config=python:loyalty_site.cores") as web:
        assert web.call("GET", "/api/v1/nothing")[0] == 404
        [pid], [core] = settled(web, 1)

        assert len(kept_to(pid)) > 1
        assert all(each == {core} for each in kept_to(pid))


def test_without_it_they_go_where_they_like(own_database):
    with serving() as web:
        [pid] = web.workers()

        assert all(sorted(each) == CORES for each in kept_to(pid))
