"""Nodes that stand between an auditor and an honest node, and do what a test says."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

Change = Callable[[str, list[Any], Any], Any]
"""Takes method, parameters and honest result of a call; returns what is answered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def answer(self, data: bytes, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        with contextlib.suppress(ConnectionError):  # who asked did not wait for the answer
            self.end_headers()
            self.wfile.write(data)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def _serve(handler: type[_Handler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class ChainProxy:
    """A chain node that passes calls on, changes results, and at some request falls silent."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.url = ""
        self.change: Change = lambda method, params, result: result
        self.renamed = dict[str, str]()
        """Methods that are passed on as others."""
        self.errors = dict[str, dict[str, Any]]()
        """What is answered to methods, whatever the node behind it answered."""
        self.num_requests = 0
        self.last_request: int | None = None
        """How many requests it answers; None for all."""
        self.hangs_up = False
        """Whether it closes the connection in place of keeping silent."""
        self.released = threading.Event()

    def reset(self, last_request: int | None = None) -> None:
        """Count requests anew."""
        self.num_requests, self.last_request = 0, last_request

    def handle(self, body: bytes) -> bytes | None:
        """Return the answer to a request; None to give none."""
        self.num_requests += 1
        if self.last_request is not None and self.num_requests > self.last_request:
            if not self.hangs_up:
                self.released.wait(60)
            return None
        calls = json.loads(body)
        each = [calls] if isinstance(calls, dict) else calls
        asked = [
            {**call, "method": self.renamed.get(call["method"], call["method"])} for call in each
        ]
        is_one = isinstance(calls, dict)
        answers = requests.post(
            self.upstream, json=asked[0] if is_one else asked, timeout=20
        ).json()
        for call, answer in zip(each, [answers] if is_one else answers, strict=True):
            if error := self.errors.get(call["method"]):
                answer.pop("result", None)
                answer["error"] = error
            if "result" in answer:
                answer["result"] = self.change(call["method"], call["params"], answer["result"])
        return json.dumps(answers).encode()


@contextmanager
def chain_proxy(upstream: str) -> Iterator[ChainProxy]:
    """Start a chain node in front of another one."""
    proxy = ChainProxy(upstream)

    class Handler(_Handler):
        def do_POST(self) -> None:
            data = proxy.handle(self.body())
            if data is None:
                self.close_connection = True
            else:
                self.answer(data)

    with _serve(Handler) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        try:
            yield proxy
        finally:
            proxy.released.set()


class IpfsProxy:
    """An IPFS node that passes requests on, and keeps silent about some content."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.address = ""
        self.silent_about = set[str]()
        """CIDs."""
        self.asked = list[str]()
        self.released = threading.Event()


@contextmanager
def ipfs_proxy(upstream: str) -> Iterator[IpfsProxy]:
    """Start an IPFS node in front of the API at a URL that ends with ``/api/v0/``."""
    proxy = IpfsProxy(upstream)

    class Handler(_Handler):
        def do_POST(self) -> None:
            request = urlsplit(self.path)
            body = self.body()
            if request.path.endswith("/cat"):
                cid = parse_qs(request.query)["arg"][0]
                proxy.asked.append(cid)
                if cid in proxy.silent_about:
                    proxy.released.wait(60)
                    return
            answer = requests.post(
                proxy.upstream + request.path.removeprefix("/api/v0/") + "?" + request.query,
                data=body,
                timeout=20,
            )
            kind = answer.headers.get("Content-Type", "text/plain")
            self.answer(answer.content, kind, answer.status_code)

    with _serve(Handler) as port:
        proxy.address = f"/ip4/127.0.0.1/tcp/{port}"
        try:
            yield proxy
        finally:
            proxy.released.set()
