"""The address the demo is served at: taken before anything is made, waited for before it is printed."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from loyalty_site.refusals import Refusal

HOST = "127.0.0.1"


class PortTaken(Refusal):
    """Another program listens there, or the port is not ours to take. `facts`: port."""

    code = "port_taken"


def listen(port: int) -> socket.socket:
    """A socket that listens at the port (0: any that is free), to be handed to the web process.

    Raises `PortTaken`.
    """
    listener = socket.socket()
    try:
        # A port whose last user has just ended is free; one that somebody listens at is not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise PortTaken(
            f"Port {port} cannot be used: {_reason(error)}. Is the demo running already? "
            f"Choose another one with: make demo PORT={port + 1 if port < 65535 else 8000}",
            port=port,
        ) from error
    return listener


def wait_until_it_answers(url: str, *, seconds: float, is_over: Callable[[], bool]) -> bool:
    """Whether the page answers in time; False at once where `is_over` says that it never will."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not is_over():
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 (our own address)
                return True
        except urllib.error.HTTPError as answer:
            # A page that fails is no page, but there is nothing to wait for any more.
            return answer.code < 500
        except OSError:
            time.sleep(0.05)
    return False


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
