"""Requests that the embedded IPFS node refuses, and in which words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from fl_chain.protocol.cid import compute_cid
from fl_chain.storage.api_address import api_url
from tests.faults.ipfs_node_access import fresh_bytes, is_alive, post
from tests.ipfs_fixtures import NodeStarter


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "http://127.0.0.1:5001"},
        {"Origin": "null"},
        {"Referer": "https://example.org/page"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example.org"},
    ],
)
def test_web_pages_are_refused(ipfs_node: str, headers: dict[str, str]) -> None:
    answer = requests.post(api_url(ipfs_node) + "version", headers=headers, timeout=60)
    assert answer.status_code == 403
    assert answer.json()["Type"] == "error"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])
def test_only_post_is_answered(ipfs_node: str, method: str) -> None:
    assert requests.request(method, api_url(ipfs_node) + "version", timeout=60).status_code == 405


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("cat", {}, 'argument "ipfs-path" is required'),
        ("cat", {"arg": "nonsense"}, "invalid CID"),
        ("cat", {"arg": f"{compute_cid(b'')}/file"}, "paths below a CID"),
        ("cat", {"arg": str(compute_cid(b"")), "offset": "-1"}, "not an integer"),
        ("cat", {"arg": str(compute_cid(b"")), "offline": "maybe"}, "not a boolean"),
        ("cat", {"arg": str(compute_cid(b"")), "timeout": "soon"}, "not a duration"),
        ("add", {}, "not a multipart upload"),
        ("add", {"chunker": "rabin"}, "chunker"),
        ("add", {"chunker": "size-0"}, "chunker"),
        ("add", {"chunker": "size-3000000"}, "chunker"),
        ("add", {"hash": "blake3"}, "only sha2-256"),
        ("add", {"trickle": "true"}, "not supported"),
        ("add", {"cid-version": "2"}, "from 0 to 1"),
        ("block/put", {"cid-codec": "dag-cbor"}, "only raw and dag-pb"),
        ("pin/add", {"arg": str(compute_cid(b"")), "recursive": "false"}, "only recursive"),
        ("pin/ls", {"type": "other"}, "invalid type"),
        ("swarm/connect", {"arg": "nonsense"}, "invalid peer address"),
        # sha2-512 and dag-cbor: valid, but not for this node
        (
            "cat",
            {"arg": "bafyreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", "offline": "t"},
            "not found locally",
        ),
    ],
)
def test_bad_requests_are_answered_in_the_manner_of_kubo(
    ipfs_node: str, command: str, options: dict[str, str], message: str
) -> None:
    answer = requests.post(api_url(ipfs_node) + command, params=options, timeout=60)
    assert answer.status_code in (400, 500)
    body = answer.json()
    assert message in body["Message"]
    assert body["Type"] == "error"
    assert body["Code"] == (1 if answer.status_code == 400 else 0)


def test_unknown_commands_are_not_found(ipfs_node: str) -> None:
    for path in ("files/ls", "", "config", "../../etc/passwd", "__proto__"):
        answer = requests.post(api_url(ipfs_node) + path, timeout=60)
        assert answer.status_code == 404


def test_missing_content_ends_at_the_deadline_or_at_once_when_offline(ipfs_node: str) -> None:
    cid = str(compute_cid(fresh_bytes(10)))
    for options, message in (
        ({"timeout": "100ms"}, "context deadline exceeded"),
        ({"offline": "True"}, "not found locally"),
    ):
        for command in ("cat", "block/get", "block/stat", "pin/add", "dag/export"):
            answer = requests.post(
                api_url(ipfs_node) + command, params={"arg": cid, **options}, timeout=60
            )
            assert answer.status_code == 500
            assert message in answer.json()["Message"]


def test_too_many_requests_at_once_are_turned_away(start_ipfs_node: NodeStarter) -> None:
    node = start_ipfs_node("repo", "--max-concurrent-requests", "2")
    missing = compute_cid(fresh_bytes(10))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(node, "cat", missing, timeout="1s"), range(8)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 6
    assert all("requests at once" in answer.json()["Message"] for answer in refused)
    assert is_alive(node)
