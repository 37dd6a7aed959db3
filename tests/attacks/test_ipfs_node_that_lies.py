"""An IPFS node that answers with other bytes than the CID names.

Caught by the content store, which recomputes the CID of what arrives: ``BlobCorrupt``. In the
audit that is a FAIL of the blob's own check; the aggregator counts it as unavailable.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from fl_chain.errors import BlobCorrupt, BlobTooLarge
from fl_chain.protocol.cid import RAW, Cid
from fl_chain.storage.api_address import api_url
from fl_chain.storage.ipfs import IpfsStore
from tests.world import Federation, World, problems


class _Liar(BaseHTTPRequestHandler):
    """Passes every request on to an honest node and changes what `lies` says."""

    protocol_version = "HTTP/1.0"
    upstream: str
    lies: dict[str, bytes]

    def do_POST(self) -> None:
        request = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = requests.post(
            self.upstream + request.path.removeprefix("/api/v0/") + "?" + request.query,
            data=body,
            headers={"Content-Type": self.headers.get("Content-Type", "")},
            timeout=10,
        )
        content = answer.content
        if request.path.endswith("/cat"):
            content = self.lies.get(parse_qs(request.query)["arg"][0], content)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture(scope="module")
def finished(world: World) -> Federation:
    federation = world.federation(num_rounds=1)
    federation.run_round()
    return federation


@pytest.fixture
def liar(world: World) -> Iterator[tuple[IpfsStore, dict[str, bytes]]]:
    """A store on a lying node, and its lies by CID."""
    lies: dict[str, bytes] = {}
    handler = type("Liar", (_Liar,), {"upstream": api_url(world.ipfs_address), "lies": lies})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with IpfsStore(f"/ip4/127.0.0.1/tcp/{server.server_port}", timeout_seconds=5) as store:
        yield store, lies
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_node_that_lies_about_nothing_passes(
    finished: Federation, liar: tuple[IpfsStore, dict[str, bytes]]
) -> None:
    assert problems(finished.audit(liar[0])) == []


@pytest.mark.parametrize("kind", ["update", "model", "report"])
def test_other_bytes_than_the_cid_names_fail_the_check_of_that_blob(
    finished: Federation, liar: tuple[IpfsStore, dict[str, bytes]], kind: str
) -> None:
    store, lies = liar
    history = finished.task.rounds[1]
    assert history.proposal is not None
    cid = {
        "update": Cid(RAW, history.updates[0].cid_digest),
        "model": Cid(RAW, history.proposal.model_cid_digest),
        "report": Cid(RAW, history.proposal.report_cid_digest),
    }[kind]
    proper = finished.store.get(cid, max_bytes=10**6)
    check = {"update": "update_blob", "model": "model_blob", "report": "report"}[kind]
    for lie in (proper[:-1] + b"!", proper[:-1], b"\0" * len(proper), b""):
        lies[str(cid)] = lie
        with pytest.raises(BlobCorrupt):
            store.get(cid, max_bytes=10**6)
        assert problems(finished.audit(store)) == [(1, check, "FAIL")]


def test_no_more_is_read_than_the_protocol_allows(
    finished: Federation, liar: tuple[IpfsStore, dict[str, bytes]]
) -> None:
    store, lies = liar
    cid = Cid(RAW, finished.task.rounds[1].updates[0].cid_digest)
    lies[str(cid)] = bytes(50_000_000)
    with pytest.raises(BlobTooLarge):
        store.get(cid, max_bytes=10**6)


def test_an_update_that_arrives_corrupt_is_left_out_as_unavailable(
    world: World, liar: tuple[IpfsStore, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = world.federation(num_rounds=1, min_updates=2)
    federation.submit_honestly()
    store, lies = liar
    lies[str(Cid(RAW, federation.task.rounds[1].updates[2].cid_digest))] = b"corrupt"
    monkeypatch.setattr(store, "put", world.store.put)  # the liar passes no uploads on
    federation.store = store
    world.advance_clock(federation.task.parameters.aggregate_seconds // 2)
    federation.aggregate()
    assert federation.exclusions() == [(2, "unavailable")]
    # To an auditor who asks the same node the claim still holds; to any other it is undecidable.
    assert problems(federation.audit()) == []
    assert problems(federation.audit(world.store)) == [(1, "exclusions", "UNDECIDABLE")]
