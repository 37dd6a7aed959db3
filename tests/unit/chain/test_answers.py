"""A chain node's answers are refused in words unless they have the form of JSON-RPC."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.chain import answers
from fl_chain.chain.answers import read_bytes, read_log, read_quantity
from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.errors import FlChainError, LedgerError

LOG = {
    "address": "0x" + "ab" * 20,
    "topics": ["0x" + "01" * 32],
    "data": "0x",
    "blockNumber": "0x5",
    "logIndex": "0x0",
    "transactionHash": "0x" + "02" * 32,
}


class _Server:
    """An HTTP server on loopback that answers everything with one body."""

    body = b""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[_Server]:
    running = _Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def test_a_log_is_read_by_name() -> None:
    assert read_log(LOG).block_number == 5


@pytest.mark.parametrize("field", sorted(LOG))
@pytest.mark.parametrize("value", [None, 7, "5", "0xzz", {}, "0x" + "f" * 999])
def test_a_log_with_a_malformed_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(LedgerError, match="the chain node answered"):
        read_log({**LOG, field: value})


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_readers_raise_nothing_but_ledger_errors(value: object) -> None:
    for read in (read_quantity, read_bytes, read_log, answers.read_logs):
        try:
            read(value)
        except LedgerError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b"null",
        b"7",
        b'{"result": 7}',
        b'{"result": "0xzz"}',
        b'{"error": "no"}',
        b'{"error": {"message": ["x"], "data": {"data": 3}}}',
    ],
)
def test_no_answer_makes_connecting_fail_without_words(server: _Server, body: bytes) -> None:
    server.body = body
    with pytest.raises(FlChainError):
        ChainConnection(server.url)


def test_an_answer_is_never_read_beyond_the_cap(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.body = json.dumps({"id": 0, "jsonrpc": "2.0", "result": "0x1"}).encode()
    assert ChainConnection(server.url).chain_id == 1
    monkeypatch.setattr(answers, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(RpcError, match="exceeds 10 bytes"):
        ChainConnection(server.url)
