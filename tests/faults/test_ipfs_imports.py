"""The embedded IPFS node imports graphs whole or not at all."""

from __future__ import annotations

from fl_chain.protocol.constants import LEAF_CHUNK_BYTES
from tests.faults.ipfs_node_access import many_blocks, pins, post, store_of
from tests.ipfs_fixtures import NodeStarter


def test_a_graph_exported_here_is_imported_there(start_ipfs_node: NodeStarter) -> None:
    source, target = start_ipfs_node("source"), start_ipfs_node("target")
    data = many_blocks(3)
    with store_of(source) as store:
        cid = store.put(data)
    car = post(source, "dag/export", cid).content
    answer = post(target, "dag/import", files={"file": car})
    assert answer.json() == {"Root": {"Cid": {"/": str(cid)}, "PinErrorMsg": ""}}
    assert pins(target) == {str(cid)}
    assert post(target, "cat", cid, offline="true").content == data


def test_a_corrupt_graph_is_refused_and_not_pinned(start_ipfs_node: NodeStarter) -> None:
    source, target = start_ipfs_node("source"), start_ipfs_node("target")
    with store_of(source) as store:
        cid = store.put(many_blocks(3))
    car = post(source, "dag/export", cid).content
    flipped = bytearray(car)
    flipped[len(car) // 2] ^= 1
    corrupt = {
        "a bit flipped": bytes(flipped),
        "cut in a block": car[:-1000],
        "cut in the header": car[:20],
        "a block missing": car[: 60 + LEAF_CHUNK_BYTES // 2],
        "nothing": b"",
        "something else": b"\x05hello" + bytes(5000),
    }
    for what, content in corrupt.items():
        answer = post(target, "dag/import", files={"file": content})
        assert answer.status_code in (400, 500), what
        assert answer.json()["Type"] == "error", what
    assert pins(target) == set()
    assert post(target, "dag/import", files={"file": car}).ok


def test_a_graph_without_all_its_blocks_is_not_pinned(start_ipfs_node: NodeStarter) -> None:
    source, target = start_ipfs_node("source"), start_ipfs_node("target")
    with store_of(source) as store:
        cid = store.put(many_blocks(2))
    car = post(source, "dag/export", cid).content
    without_last_leaf = car[: -(LEAF_CHUNK_BYTES + 36 + 3)]
    answer = post(target, "dag/import", files={"file": without_last_leaf})
    assert answer.status_code == 500
    assert "not found locally" in answer.json()["Message"]
    assert pins(target) == set()
