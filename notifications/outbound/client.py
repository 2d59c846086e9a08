"""A client that connects to checked addresses only, follows nothing, and gives up in time."""

import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore2
import httpx2

from notifications.outbound import addresses
from notifications.outbound.addresses import TargetRefused

# Read of an answer's body, so that the connection can be used again; a longer one is cut off.
MAX_BODY = 64 * 1024

_timing = threading.local()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is its beginning; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class CallFailed(Exception):
    """No answer: the name, the connection, TLS or the time."""


class OutboundClient:
    """Keeps connections; may be used from any number of threads."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context or httpx2.create_ssl_context(),
            max_connections=200,
            max_keepalive_connections=50,
            keepalive_expiry=15,
            network_backend=_CheckedBackend(),
        )

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """POST the body and read the answer, within so many seconds in all.

        A redirect is an answer like any other: it is not followed. Raises `TargetRefused` for an address that is not
        called, and `CallFailed` where no answer came.
        """
        target = addresses.checked(url)
        _timing.ends_at = time.monotonic() + seconds
        try:
            return self._exchange(target, body, headers, seconds)
        except TargetRefused:
            raise
        except httpcore2.TimeoutException as error:
            raise CallFailed(f"No answer within {seconds:g} seconds.") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError, ValueError) as error:
            raise CallFailed(_plainly(error)) from error
        finally:
            del _timing.ends_at

    def _exchange(self, target: httpx2.URL, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        url = httpcore2.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        # Bodies are taken as they are: a small one that unpacks to gigabytes is not asked for.
        given = {"Host": target.netloc.decode("ascii"), "Accept-Encoding": "identity", **headers}
        timeouts = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)}
        with self._pool.stream("POST", url, headers=list(given.items()), content=body, extensions=timeouts) as response:
            begun = b""
            for part in response.iter_stream():
                begun += part
                if len(begun) > MAX_BODY:
                    break
            found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, found, begun[:MAX_BODY])

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3), given as such or as a date; None where it says nothing."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        # A day 99999999999, too: whoever answers may write what they like.
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


_of_process: tuple[int, OutboundClient] | None = None


def client() -> OutboundClient:
    """This process's client: a child process does not share the connections of its parent."""
    global _of_process
    if _of_process is None or _of_process[0] != os.getpid():
        _of_process = (os.getpid(), OutboundClient())
    return _of_process[1]


def _plainly(error: Exception) -> str:
    # What a stranger's server says may hold what the database cannot keep.
    text = "".join(sign for sign in str(error) if sign.isprintable()).strip() or "no answer"
    return f"{type(error).__name__}: {text}"[:300]


def _left(timeout: float | None, raises: type[Exception]) -> float:
    """Seconds until the call of this thread must end, or the timeout if that is shorter."""
    left = getattr(_timing, "ends_at", float("inf")) - time.monotonic()
    if left <= 0:
        raise raises("The time is up.")
    return left if timeout is None else min(left, timeout)


class _CheckedBackend(httpcore2.NetworkBackend):
    """Resolves a name once, and connects to what was checked."""

    def __init__(self) -> None:
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            found = addresses.resolved(host, port)
        except socket.gaierror as error:
            raise httpcore2.ConnectError(f"The name {host} is not known.") from error
        failure: Exception = httpcore2.ConnectError("The name has no address.")
        for _family, where in found:
            try:
                # An address as text, so that nobody resolves anything again.
                stream = self._plain.connect_tcp(
                    str(where[0]),
                    port,
                    timeout=_left(timeout, httpcore2.ConnectTimeout),
                    socket_options=socket_options,
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream)
        raise failure

    def connect_unix_socket(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        raise httpcore2.ConnectError("Sockets of this machine are not called.")

    def sleep(self, seconds: float) -> None:
        self._plain.sleep(seconds)


class _TimedStream(httpcore2.NetworkStream):
    """A stream each of whose steps ends when the whole call must: a slow drip of bytes does not extend it."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
