"""The RPC of an IPFS node as ipfshttpclient sees it: the embedded node and Kubo must look alike."""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipfshttpclient
import pytest
import requests
from ipfshttpclient.exceptions import ErrorResponse

from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from fl_chain.storage.api_address import api_url
from fl_chain.storage.ipfs import IMPORT_PARAMETERS
from tests.ipfs_fixtures import KUBO_VARIABLE

VECTORS = Path(__file__).parents[1] / "vectors" / "cid" / "files.json"


@pytest.fixture(params=["embedded", "kubo"])
def api(request: pytest.FixtureRequest) -> str:
    if request.param == "embedded":
        address: str = request.getfixturevalue("ipfs_node")
        return address
    if KUBO_VARIABLE not in os.environ:
        pytest.skip(f"no Kubo: set {KUBO_VARIABLE} to the API address of one")
    return os.environ[KUBO_VARIABLE]


@pytest.fixture
def client(api: str) -> Iterator[Any]:
    with ipfshttpclient.Client(api, timeout=60) as client:
        yield client


def add(client: Any, data: bytes) -> str:
    cid: str = client.add_bytes(data, opts=dict(IMPORT_PARAMETERS))
    return cid


def fresh_bytes(size: int) -> bytes:
    return (uuid.uuid4().bytes * (size // 16 + 1))[:size]


@pytest.mark.parametrize(
    "vector", json.loads(VECTORS.read_text("utf-8"))["vectors"], ids=lambda vector: vector["name"]
)
def test_the_importer_gives_golden_cids(api: str, vector: dict[str, Any]) -> None:
    pattern = bytes.fromhex(vector["pattern_hex"])
    data = (pattern * (vector["size_bytes"] // len(pattern) + 1))[: vector["size_bytes"]]
    shape = {
        "chunker": f"size-{vector['chunk_bytes']}",
        "max-file-links": str(vector["max_links"]),
    }
    answer = requests.post(
        api_url(api) + "add",
        params={**IMPORT_PARAMETERS, **shape, "only-hash": "true"},
        files={"file": data},
        timeout=60,
    )
    assert answer.json()["Hash"] == vector["cid"]


def test_the_node_describes_itself(client: Any) -> None:
    assert client.version()["Version"]
    identity = client.id()
    assert identity["ID"] in identity["Addresses"][0]
    assert any("bitswap" in protocol for protocol in identity["Protocols"])


def test_a_file_is_added_and_read(client: Any, tmp_path: Path) -> None:
    data = fresh_bytes(3 * LEAF_CHUNK_BYTES + 5)
    file = tmp_path / "model update.bin"
    file.write_bytes(data)
    answer = client.add(
        file,
        cid_version=1,
        raw_leaves=True,
        chunker="size-1048576",
        pin=True,
        opts={"max-file-links": "1024"},
    )
    assert answer["Hash"] == str(compute_cid(data))
    assert answer["Name"] == "model update.bin"
    assert client.cat(answer["Hash"]) == data


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, 0),
        (0, 10),
        (LEAF_CHUNK_BYTES - 5, 10),
        (LEAF_CHUNK_BYTES, LEAF_CHUNK_BYTES),
        (2 * LEAF_CHUNK_BYTES + 1, 10 * LEAF_CHUNK_BYTES),
        (3 * LEAF_CHUNK_BYTES, 5),
    ],
)
def test_any_part_of_a_file_can_be_read(client: Any, offset: int, length: int) -> None:
    data = b"".join(fresh_bytes(LEAF_CHUNK_BYTES) for _ in range(3))
    cid = add(client, data)
    options = {"offset": str(offset), "length": str(length)}
    assert client.cat(cid, opts=options) == data[offset : offset + length]


def test_old_style_files_are_read_too(client: Any) -> None:
    data = fresh_bytes(1_000_000)
    cid = client.add_bytes(data)
    assert cid.startswith("Qm")
    assert client.cat(cid) == data


def test_an_added_file_is_pinned_until_it_is_unpinned(client: Any) -> None:
    cid = add(client, fresh_bytes(2 * LEAF_CHUNK_BYTES))
    assert client.pin.ls(cid)["Keys"][cid]["Type"] == "recursive"
    assert cid in client.pin.ls(type="recursive")["Keys"]
    assert list(client.pin.rm(cid)["Pins"]) == [cid]
    assert cid not in client.pin.ls(type="recursive")["Keys"]
    with pytest.raises(ErrorResponse, match="not pinned"):
        client.pin.ls(cid)
    with pytest.raises(ErrorResponse, match="not pinned"):
        client.pin.rm(cid)
    assert list(client.pin.add(cid)["Pins"]) == [cid]


def test_blocks_are_stored_and_read(client: Any) -> None:
    data = fresh_bytes(1000)
    cid = client.block.put(io.BytesIO(data), opts={"cid-codec": "raw"})["Key"]
    assert cid == str(compute_cid(data))
    assert client.block.get(cid) == data
    assert client.block.stat(cid)["Size"] == 1000


def test_references_are_the_leaves(client: Any) -> None:
    leaves = [fresh_bytes(LEAF_CHUNK_BYTES), fresh_bytes(10)]
    cid = add(client, b"".join(leaves))
    references = [entry["Ref"] for entry in client.unstable.refs(cid)]
    assert references == [str(compute_cid(leaf)) for leaf in leaves]


def test_a_graph_survives_export_and_import(client: Any) -> None:
    data = fresh_bytes(2 * LEAF_CHUNK_BYTES)
    cid = add(client, data)
    car = client.dag.export(cid)
    assert client.dag.imprt(io.BytesIO(car))["Root"]["Cid"]["/"] == cid
    assert client.cat(cid) == data


def test_missing_content_is_an_error_when_offline(api: str) -> None:
    missing = str(compute_cid(fresh_bytes(20)))
    with (
        ipfshttpclient.Client(api, offline=True, timeout=60) as client,
        pytest.raises(ErrorResponse),
    ):
        client.cat(missing, opts={"offline": "true"})


def test_the_repository_is_measured(client: Any) -> None:
    add(client, fresh_bytes(100))
    stat = client.repo.stat()
    assert stat["NumObjects"] >= 1
    assert stat["RepoSize"] >= 100


def test_unpinned_blocks_are_collected(ipfs_node: str) -> None:
    # Not on Kubo: the blocks there are somebody's.
    with ipfshttpclient.Client(ipfs_node, timeout=60) as client:
        cid = add(client, fresh_bytes(100))
        client.pin.rm(cid)
        assert {"Key": {"/": cid}} in [entry.as_json() for entry in client.repo.gc()]


def test_peers_are_listed(two_ipfs_nodes: tuple[str, str]) -> None:
    with (
        ipfshttpclient.Client(two_ipfs_nodes[0], timeout=60) as here,
        ipfshttpclient.Client(two_ipfs_nodes[1], timeout=60) as there,
    ):
        add(here, b"by then they are connected")
        there.cat(str(compute_cid(b"by then they are connected")))
        assert there.id()["ID"] in {peer["Peer"] for peer in here.swarm.peers()["Peers"]}
