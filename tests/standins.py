"""Real HTTP servers that stand in for those outside, with faults on demand."""

import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_LINGER, SOL_SOCKET
from typing import Any


@dataclass
class Reply:
    """What the server does with one request. `delay` is in seconds, before the answer; `drip` between its bytes."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    drip: float = 0
    resets: bool = False
    garbage: bytes = b""


@dataclass(frozen=True)
class Heard:
    """A request as it came. Header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class StandIn:
    """A server on this machine. `replies` are given in turn, then `usual`, which may look at what it hears."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.heard: list[Heard] = []
        self.replies: list[Reply] = []
        self.usual: Callable[[Heard], Reply] = lambda heard: Reply()
        self.lock = threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                stand_in._answer(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        heard = Heard(handler.path, headers, body, time.monotonic())
        with self.lock:
            self.heard.append(heard)
            reply = self.replies.pop(0) if self.replies else None
        reply = reply or self.usual(heard)
        time.sleep(reply.delay)
        if reply.resets:
            handler.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        if reply.garbage:
            handler.wfile.write(reply.garbage)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        try:
            for byte in reply.body if reply.drip else ():
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(reply.drip)
            if not reply.drip:
                handler.wfile.write(reply.body)
        except OSError:
            handler.close_connection = True
