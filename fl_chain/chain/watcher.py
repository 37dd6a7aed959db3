"""Wait for event logs without asking again and again.

A WebSocket subscription where the node offers one on its RPC address; otherwise polling, one small
call per interval. Either way a wake-up is only a hint: what happened is read from the logs.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from fl_chain.chain.answers import read_quantity
from fl_chain.chain.connection import ChainConnection
from fl_chain.errors import ChainUnreachable
from fl_chain.protocol.logs import topic_of
from fl_chain.remote_access import find_proxies

OPEN_SECONDS = 2
POLL_SECONDS = 0.25
"""One chain poll interval."""


class LogWatcher:
    """Watches the logs of one contract.

    Parameters
    ----------
    connection
        The chain node.
    contract
        Address whose logs wake a waiter.
    """

    def __init__(self, connection: ChainConnection, contract: str) -> None:
        self._connection = connection
        self._contract = contract
        self._socket: ClientConnection | None = None
        self._open_socket = contextlib.ExitStack()
        self._subscribed: frozenset[type[Any]] | None = None
        # Through a proxy it would not be worth the trouble.
        self._can_subscribe = not find_proxies(connection.rpc_url)
        self._seen_block = -1

    def subscribe(self, kinds: frozenset[type[Any]]) -> None:
        """Begin to watch for records of ``kinds``, any kind if empty; cheap when unchanged.

        Whoever subscribes before reading the logs misses nothing in between.
        """
        if self._can_subscribe and self._subscribed != kinds:
            self.close()
            self._open(kinds)

    def wait(self, timeout_seconds: float) -> bool:
        """Return True once a watched log may have been added, False on timeout."""
        if self._socket is None:
            return self._poll(timeout_seconds)
        try:
            self._socket.recv(timeout=timeout_seconds)
            with contextlib.suppress(TimeoutError):
                while True:  # one wake-up for all that arrived meanwhile
                    self._socket.recv(timeout=0)
        except TimeoutError:
            return False
        except (WebSocketException, OSError):
            # The node went away. The next read of the logs says so in words, or finds it back.
            self.close()
            self._can_subscribe = not find_proxies(self._connection.rpc_url)
        return True

    def close(self) -> None:
        """Give the subscription back."""
        with contextlib.suppress(WebSocketException, OSError):
            self._open_socket.close()
        self._socket = None
        self._subscribed = None

    def _open(self, kinds: frozenset[type[Any]]) -> None:
        url = self._connection.rpc_url
        selection: dict[str, Any] = {"address": self._contract}
        if kinds:
            selection["topics"] = [sorted("0x" + topic_of(kind).hex() for kind in kinds)]
        request = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_subscribe",
            "params": ["logs", selection],
        }
        try:
            # As a context manager, the one way that no release of websockets warns about.
            self._socket = self._open_socket.enter_context(
                connect(
                    "ws" + url.removeprefix("http"),
                    # Its own would go through proxies, and follow redirects with these headers.
                    sock=self._open_socket.enter_context(_dial(url)),
                    additional_headers=self._connection.access.headers,
                    ssl=self._connection.access.tls(url),
                    open_timeout=OPEN_SECONDS,
                    close_timeout=0.2,
                    ping_interval=None,
                )
            )
            self._socket.send(json.dumps(request))
            answer = json.loads(self._socket.recv(timeout=OPEN_SECONDS))
            if not isinstance(answer, dict) or "result" not in answer:
                raise ValueError("no subscription")
            self._subscribed = kinds
        except (WebSocketException, OSError, ValueError, RecursionError):
            self.close()
            self._can_subscribe = False

    def _poll(self, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                block = read_quantity(self._connection.call("eth_blockNumber"))
            except ChainUnreachable:
                return True
            if block != self._seen_block:
                is_news, self._seen_block = self._seen_block >= 0, block
                if is_news:
                    return True
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            time.sleep(min(POLL_SECONDS, remaining))


def _dial(url: str) -> socket.socket:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return socket.create_connection((parts.hostname or "", port), OPEN_SECONDS)
