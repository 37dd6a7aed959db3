"""IpfsStore against nodes that lie, stall or are something else: a few lines of HTTP each."""

from __future__ import annotations

import gc
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from fl_chain.errors import (
    BlobCorrupt,
    BlobTooLarge,
    BlobUnavailable,
    StoreError,
    StoreUnreachable,
    UsageError,
)
from fl_chain.protocol.cid import compute_cid
from fl_chain.storage.ipfs import IMPORT_PARAMETERS, IpfsStore

Answer = Callable[[BaseHTTPRequestHandler], None]
DATA = b"a model update"
CID = compute_cid(DATA)


@contextmanager
def answering(answer: Answer) -> Iterator[IpfsStore]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        api = f"/ip4/127.0.0.1/tcp/{server.server_address[1]}"
        with IpfsStore(api, timeout_seconds=0.05) as store:
            yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(status: int, body: bytes, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def reply_error(message: str) -> Answer:
    body = json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode()
    return reply(500, body, Content_Type="application/json")


def break_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"5\r\n" + DATA[:5] + b"\r\n")


def test_every_import_parameter_of_the_profile_is_sent() -> None:
    profile = Path(__file__).parents[3] / "ipfs" / "import-profile.json"
    assert json.loads(profile.read_text("utf-8"))["parameters"] == IMPORT_PARAMETERS
    seen: list[dict[str, list[str]]] = []

    def record(request: BaseHTTPRequestHandler) -> None:
        seen.append(parse_qs(urlsplit(request.path).query))
        reply(200, json.dumps({"Name": "", "Hash": str(CID), "Size": "14"}).encode())(request)

    with answering(record) as store:
        store.put(DATA)
        store.put(DATA)  # the second time, too
    for query in seen:
        assert {name: query[name] for name in IMPORT_PARAMETERS} == {
            name: [value] for name, value in IMPORT_PARAMETERS.items()
        }


def test_another_cid_from_the_node_is_an_error() -> None:
    other = json.dumps({"Name": "", "Hash": str(compute_cid(b"")), "Size": "14"}).encode()
    with answering(reply(200, other)) as store, pytest.raises(StoreError, match="unixfs-v1-2025"):
        store.put(DATA)


def test_right_bytes_are_returned() -> None:
    with answering(reply(200, DATA)) as store:
        assert store.get(CID, max_bytes=len(DATA)) == DATA


@pytest.mark.parametrize("body", [b"", DATA[:-1], DATA[:-1] + b"!", DATA + b"!"])
def test_wrong_bytes_are_never_returned(body: bytes) -> None:
    with answering(reply(200, body)) as store, pytest.raises(BlobCorrupt):
        store.get(CID, max_bytes=100)


def test_content_past_the_limit_is_refused_although_it_is_genuine() -> None:
    with answering(reply(200, DATA)) as store, pytest.raises(BlobTooLarge):
        store.get(CID, max_bytes=len(DATA) - 1)


def test_no_more_than_the_limit_is_asked_for() -> None:
    seen: list[str] = []

    def record(request: BaseHTTPRequestHandler) -> None:
        seen.extend(parse_qs(urlsplit(request.path).query)["length"])
        reply(200, DATA)(request)

    with answering(record) as store:
        store.get(CID, max_bytes=20)
    assert seen == ["21"]


def test_a_stream_that_breaks_off_once_is_tried_again() -> None:
    answers = [break_off, reply(200, DATA)]
    with answering(lambda request: answers.pop(0)(request)) as store:
        assert store.get(CID, max_bytes=100) == DATA


def test_a_stream_that_breaks_off_twice_is_an_unavailable_blob() -> None:
    answers: list[Answer] = [break_off, break_off]
    with (
        answering(lambda request: answers.pop(0)(request)) as store,
        pytest.raises(BlobUnavailable, match="broke off"),
    ):
        store.get(CID, max_bytes=100)
    assert answers == []


def test_content_that_nobody_has_is_an_unavailable_blob() -> None:
    with (
        answering(reply_error("context deadline exceeded")) as store,
        pytest.raises(BlobUnavailable, match="context deadline exceeded"),
    ):
        store.get(CID, max_bytes=100)


def test_a_silent_node_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fl_chain.storage.ipfs._GRACE_SECONDS", 0.05)
    given_up = threading.Event()

    def say_nothing(request: BaseHTTPRequestHandler) -> None:
        given_up.wait(30)

    with answering(say_nothing) as store:
        with pytest.raises(BlobUnavailable, match="silent"):
            store.get(CID, max_bytes=100)
        given_up.set()


def test_a_refusal_to_store_carries_the_reason() -> None:
    with (
        answering(reply_error("no space left on device")) as store,
        pytest.raises(StoreError, match="no space left"),
    ):
        store.put(DATA)


@pytest.mark.parametrize(
    "answer",
    [reply(404, b"404 page not found"), reply(200, b"<html>"), reply(200, b"[]"), reply(405, b"")],
    ids=["not found", "HTML", "other JSON", "gateway"],
)
def test_something_else_at_the_address_is_said_to_be_no_ipfs_node(answer: Answer) -> None:
    with answering(answer) as store, pytest.raises(StoreUnreachable, match="not the API"):
        store.version()


def test_nobody_at_the_address_is_an_unreachable_store() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with IpfsStore(f"/ip4/127.0.0.1/tcp/{port}") as store:
        for request in (
            store.version,
            store.peer_addresses,
            lambda: store.put(DATA),
            lambda: store.get(CID, max_bytes=1),
            lambda: store.connect("/ip4/127.0.0.1/tcp/1/p2p/x"),
        ):
            with pytest.raises(StoreUnreachable, match="devnet up"):
                request()


def test_an_address_that_is_none_is_refused_before_any_request() -> None:
    with pytest.raises(UsageError):
        IpfsStore("localhost:5001")


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with answering(reply(200, DATA)) as store:
        assert store.get(CID, max_bytes=100) == DATA
        store.connect("/ip4/127.0.0.1/tcp/1/p2p/x")


def test_connections_of_threads_that_ended_are_not_kept() -> None:
    with answering(reply(200, DATA)) as store:
        for _ in range(5):
            thread = threading.Thread(target=store.get, args=(CID,), kwargs={"max_bytes": 100})
            thread.start()
            thread.join()
        gc.collect()
        assert len(store._clients) == 0
