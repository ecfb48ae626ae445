"""The HTTP interface: loopback only, keep-alive, one thread per connection.

A request has arrived when its last bytes were read from the socket. The server records that moment
at once, before it parses or locks anything, so its work for other requests does not move arrivals
together. The latency follows afterwards.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from tests.sandbox import control
from tests.sandbox.wire import Lost, parse_query

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from _typeshed import WriteableBuffer

    from tests.sandbox.world import World

_RESET = struct.pack("ii", 1, 0)  # linger on with time 0, so that closing sends RST


class _TimedSocket(io.RawIOBase):
    """The bytes read from a socket, and the time of the last read."""

    def __init__(self, connection: socket.socket, clock: Callable[[], datetime]) -> None:
        self._connection = connection
        self._clock = clock
        self.moment = clock()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._connection.recv_into(buffer)
        self.moment = self._clock()
        return count


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        self.socket_reader = _TimedSocket(self.connection, self.server.world.clock)
        self.rfile = io.BufferedReader(self.socket_reader, 1 << 16)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def answer(self) -> None:
        path, _, raw_query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        arrived = self.socket_reader.moment
        query = parse_query(raw_query)
        if path.startswith("/sandbox/"):
            self._control(path, dict(query), body)
            return
        try:
            status, headers, content = self.server.world.answer(
                self.command, unquote(path), query, dict(self.headers.items()), body, arrived
            )
        except Lost as lost:
            self._lose(lost)
            return
        self.server.wait()
        delay = float(headers.pop("X-Sandbox-Delay", 0))
        if delay:
            self.server.closing.wait(delay)
        self._send(status, headers, content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Do nothing: the world has the log."""

    def _control(self, path: str, query: dict[str, str], body: bytes) -> None:
        document = control.answer(self.server.world, self.command, path, query, body)
        status = 404 if document is None else 200
        content = json.dumps(document).encode()
        self._send(status, {"Content-Type": "application/json"}, content)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        head = [f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        head.append(f"Content-Length: {len(content)}\r\n\r\n")
        try:
            self.wfile.write("\r\n".join(head).encode("latin-1") + content)
            self.wfile.flush()
        except OSError:  # the client closed the connection
            self.close_connection = True

    def _lose(self, lost: Lost) -> None:
        self.close_connection = True
        if lost.kind == "chunk":
            partial = lost.partial or b"{"
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(partial) + 999}\r\n\r\n".encode()
            self.wfile.write(head + partial)
            self.wfile.flush()
        elif lost.kind == "timeout":
            self.server.closing.wait(120)
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, world: World, port: int, latency_ms: float) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.world = world
        self.latency = latency_ms / 1000
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self._dice = random.Random(world.seed)

    def wait(self) -> None:
        """Wait for the latency, plus or minus 30 %."""
        if self.latency:
            time.sleep(self.latency * self._dice.uniform(0.7, 1.3))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a connection that the client closed; report other errors."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Served:
    """A world that listens; `url` is its base, `close` ends it."""

    def __init__(self, world: World, port: int = 0, latency_ms: float = 0) -> None:
        """Listen on a loopback port, 0 for any, and answer in a thread."""
        self.world = world
        self._listener = _Listener(world, port, latency_ms)
        self.port = self._listener.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        world.base_url = self.url
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and close open connections."""
        self._listener.closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        for connection in list(self._listener.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def serve(world: World, port: int = 0, latency_ms: float = 0) -> Served:
    """Serve a world on the loopback."""
    return Served(world, port, latency_ms)
