"""How the tests of the embedded IPFS node talk to it and look at its disk."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from fl_chain.storage.api_address import api_url
from fl_chain.storage.embedded_node import RunningNode
from fl_chain.storage.ipfs import IMPORT_PARAMETERS, IpfsStore

PATIENCE_SECONDS = 30.0
IMPATIENCE_SECONDS = 0.5


def fresh_bytes(size: int) -> bytes:
    return (uuid.uuid4().bytes * (size // 16 + 1))[:size]


def many_blocks(count: int) -> bytes:
    """Content whose blocks are all different."""
    return b"".join(fresh_bytes(LEAF_CHUNK_BYTES) for _ in range(count))


@contextmanager
def store_of(node: RunningNode, timeout_seconds: float = PATIENCE_SECONDS) -> Iterator[IpfsStore]:
    with IpfsStore(node.api_multiaddr, timeout_seconds=timeout_seconds) as store:
        yield store


def post(node: RunningNode, command: str, *args: object, **options: Any) -> requests.Response:
    files = options.pop("files", None)
    headers = options.pop("headers", None)
    return requests.post(
        api_url(node.api_multiaddr) + command,
        params={"arg": [str(arg) for arg in args], **options},
        files=files,
        headers=headers,
        timeout=60,
    )


def pins(node: RunningNode) -> set[str]:
    answer = post(node, "pin/ls", type="recursive")
    answer.raise_for_status()
    return set(answer.json()["Keys"])


def collect_garbage(node: RunningNode) -> set[str]:
    answer = post(node, "repo/gc")
    answer.raise_for_status()
    return {json.loads(line)["Key"]["/"] for line in answer.text.splitlines()}


def block_file(tmp_path: Path, data: bytes, repo: str = "repo") -> Path:
    name = compute_cid(data).digest.hex()
    return tmp_path / repo / "blocks" / name[0] / f"{name}.block"


def is_alive(node: RunningNode) -> bool:
    return post(node, "version").ok


def begin_upload(node: RunningNode, size: int) -> socket.socket:
    url = requests.Request("POST", api_url(node.api_multiaddr) + "add", params=IMPORT_PARAMETERS)
    host, port = api_url(node.api_multiaddr).split("/")[2].split(":")
    connection = socket.create_connection((host, int(port)))
    path = url.prepare().path_url
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=edge\r\n\r\n".encode()
    )
    send_chunk(connection, b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\n')
    for _ in range(size // 50_000):
        send_chunk(connection, fresh_bytes(50_000))
    return connection


def send_chunk(connection: socket.socket, data: bytes) -> None:
    connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")
