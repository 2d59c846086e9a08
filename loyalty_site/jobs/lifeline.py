"""Processes that end with their parent, however it ends (Linux: PR_SET_PDEATHSIG)."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which has just forked it, is gone.

    Elsewhere than on Linux this does nothing: there a supervisor that is killed outright leaves its children.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It died before we asked.
        os._exit(1)


def children_end_with_this_process() -> None:
    """From now on, every process forked here, and by those forked here, ends with its parent.

    django-q2's cluster forks a sentinel that forks workers; without this they outlive a cluster that is killed.
    """
    parent = [0]

    def remember() -> None:
        parent[0] = os.getpid()

    os.register_at_fork(before=remember, after_in_child=lambda: end_with_parent(parent[0]))
