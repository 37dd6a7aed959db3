"""Server and client of a relay, talking to one another and to strangers."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests

from fl_chain.errors import PortTaken, RelayRefused, RelayUnreachable, UsageError
from fl_chain.protocol.signed_update import Handover, encode_handover
from fl_chain.relay import client
from fl_chain.relay.client import RelayClient
from fl_chain.relay.server import RelayServer
from tests.unit.protocol.test_signed_update import EXAMPLE


class Taker:
    """Takes what comes, or refuses it all."""

    def __init__(self, refusal: str = "") -> None:
        self.taken: list[Handover] = []
        self._refusal = refusal

    def __call__(self, handover: Handover) -> None:
        if self._refusal:
            raise RelayRefused(self._refusal)
        self.taken.append(handover)


def test_what_is_handed_in_is_taken() -> None:
    taker = Taker()
    with RelayServer(0, taker) as server:
        client = RelayClient(server.url + "/")
        client.hand_in(EXAMPLE)
        client.hand_in(replace(EXAMPLE, round=3))
    assert taker.taken == [EXAMPLE, replace(EXAMPLE, round=3)]


def test_a_refusal_is_told() -> None:
    with (
        RelayServer(0, Taker("round 2 takes no updates now")) as server,
        pytest.raises(RelayRefused, match="refused: round 2 takes no updates now"),
    ):
        RelayClient(server.url).hand_in(EXAMPLE)


def test_many_hand_in_at_once() -> None:
    taker = Taker()
    with RelayServer(0, taker) as server:
        client = RelayClient(server.url)
        threads = [threading.Thread(target=client.hand_in, args=[EXAMPLE]) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(taker.taken) == 32


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/updates", b"", 422),
        ("POST", "/updates", b"{}", 422),
        ("POST", "/updates", encode_handover(EXAMPLE) + b" ", 422),
        ("POST", "/updates", b"x" * 2000, 413),
        ("GET", "/updates", b"", 405),
        ("POST", "/", encode_handover(EXAMPLE), 404),
        ("POST", "/updates/../updates/x", encode_handover(EXAMPLE), 404),
    ],
)
def test_a_server_takes_nothing_else(method: str, path: str, body: bytes, status: int) -> None:
    taker = Taker()
    with RelayServer(0, taker) as server:
        answer = requests.request(method, server.url + path, data=body, timeout=10)
        assert answer.status_code == status
    assert taker.taken == []


def test_a_server_listens_on_loopback_alone_and_not_twice() -> None:
    with RelayServer(0, Taker()) as server:
        assert server.url.startswith("http://127.0.0.1:")
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(PortTaken, match="cannot listen"), RelayServer(port, Taker()):
            pass
    with RelayServer(port, Taker()) as again:
        assert again.url == server.url


def test_nobody_at_home_is_said() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(RelayUnreachable, match="no relay answers"):
        RelayClient(url).hand_in(EXAMPLE)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:7400", "ftp://relay", "http://", "file:///etc/passwd"]
)
def test_no_url_is_no_relay(url: str) -> None:
    with pytest.raises(UsageError, match="no address of a relay"):
        RelayClient(url)


@contextmanager
def stranger(status: int, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    """Serve one answer to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500])
def test_whoever_is_no_relay_is_told_apart(status: int) -> None:
    headers = {"Location": "http://127.0.0.1:1/updates"} if status == 302 else {}
    with (
        stranger(status, b"hello", headers) as url,
        pytest.raises(RelayUnreachable, match="elsewhere" if status == 302 else f"status {status}"),
    ):
        RelayClient(url).hand_in(EXAMPLE)


def test_a_refusal_is_neither_long_nor_commands_for_a_terminal() -> None:
    body = b"\x1b[2Jgone\r\n" + b"x" * 100_000
    with stranger(422, body, {}) as url, pytest.raises(RelayRefused) as refused:
        RelayClient(url).hand_in(EXAMPLE)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nx",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 307 Elsewhere\r\nLocation: \xff\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
    ids=["half of it", "bad chunks", "nowhere", "no HTTP", "nothing"],
)
def test_whoever_breaks_off_is_no_relay(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                if answer:
                    connection.recv(1)  # keeps silent until the client gives up

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(RelayUnreachable):
            RelayClient(f"http://127.0.0.1:{server.getsockname()[1]}").hand_in(EXAMPLE)
        thread.join()
