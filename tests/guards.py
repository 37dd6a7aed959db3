"""Gatekeepers: endpoints behind TLS that let in whoever shows the right header and certificate."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
import trustme

from fl_chain.remote_access import Access

NAME = "Authorization"
SECRET = "Bearer rosebud-5f1c"


class Issuer:
    """An authority of a test, with files for those that trust it, or that it vouches for."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.authority = directory / "authority.pem"
        self.authority.write_bytes(self._authority.cert_pem.bytes())
        self.certificate = directory / "hospital.pem"
        issued = self._authority.issue_cert("hospital@example.org")
        issued.private_key_and_cert_chain_pem.write_to_path(self.certificate)
        self.headers_file = directory / "headers"
        self.headers_file.write_text(f"# from the operator\n{NAME}: {SECRET}\n")

    @property
    def access(self) -> Access:
        """What opens every gate of this authority."""
        return Access(((NAME, SECRET),), self.certificate, self.authority)

    def context(self) -> ssl.SSLContext:
        """Return the TLS of a server on this machine that asks for certificates."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self._authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


class Gate:
    """A gate in front of an endpoint."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"https://localhost:{port}"
        self.multiaddr = f"/dns4/localhost/tcp/{port}/https"
        self.num_passed = 0
        self.num_refused = 0
        self.leads_to: str | None = None
        """Where whoever comes in is sent, in place of the endpoint."""


@contextmanager
def gate(issuer: Issuer, upstream: str) -> Iterator[Gate]:
    """Start a gate in front of the endpoint at a URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = self._read_chunks()
            if self.headers.get(NAME) != SECRET:
                opened.num_refused += 1
                self._answer(401, b"who are you?")
            elif opened.leads_to is not None:
                self._answer(307, b"", Location=opened.leads_to)
            else:
                opened.num_passed += 1
                kept = {"Content-Type": self.headers.get("Content-Type", "")}
                answer = requests.post(upstream + self.path, body, headers=kept, timeout=20)
                self._answer(answer.status_code, answer.content)

        def _answer(self, status: int, content: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _read_chunks(self) -> bytes:
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # whoever shows no certificate breaks off

    server = Server(("127.0.0.1", 0), Handler)
    # The handshake is for the thread of the connection: this one takes the next.
    server.socket = issuer.context().wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    opened = Gate(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
