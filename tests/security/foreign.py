"""A host that is not the account's, which records its requests."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 20
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


def refuse(connection: socket.socket, received: bytes) -> None:
    """Answer every request with 403."""
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Listener:
    """Listens on a loopback port; ``received`` has the heads of the requests."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None] = refuse) -> None:
        """Answer each request with ``answer``."""
        self.received: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._connections.append(connection)
                thread = threading.Thread(target=self._receive, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _receive(self, connection: socket.socket) -> None:
        connection.settimeout(SECONDS)
        with contextlib.suppress(OSError), connection:
            received = b""
            while b"\r\n\r\n" not in received:
                piece = connection.recv(65536)
                if not piece:
                    break
                received += piece
            head, _, body = received.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            # Unread bytes would reset the connection when it is closed, before the answer arrives.
            while length and len(body) < int(length[1]):
                piece = connection.recv(65536)
                if not piece:
                    break
                body += piece
            self.received.append(received)
            self._answer(connection, received)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)
