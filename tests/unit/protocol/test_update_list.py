"""Lists of updates: one encoding, entries that a contract finds, and what an entry is worth."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.numpy

from fl_chain.aggregation.submissions import Place, is_genuine
from fl_chain.errors import MalformedBlob
from fl_chain.protocol.attestation import Signature
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.places import locate_entry
from fl_chain.protocol.signed_update import SignedUpdate
from fl_chain.protocol.update_list import (
    ENTRY_BYTES,
    ListEntry,
    UpdateList,
    compute_list_bytes,
    decode_entry,
    decode_update_list,
    encode_update_list,
)
from tests import golden

VECTORS = golden.load("update_list/update_list.json")


def _entry(values: dict[str, Any]) -> ListEntry:
    digests = bytes.fromhex(values["digest"]), bytes.fromhex(values["cid_digest"])
    signature = Signature(bytes.fromhex(values["r"]), bytes.fromhex(values["vs"]))
    update = SignedUpdate(*digests, values["weight"], signature)
    return ListEntry(values["participant"], update)


def _list(values: dict[str, Any]) -> UpdateList:
    return UpdateList(values["task"], values["round"], tuple(map(_entry, values["entries"])))


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_lists_have_their_golden_bytes(case: dict[str, Any]) -> None:
    data = golden.blob_of(case["parts"])
    assert encode_update_list(_list(case["list"])) == data
    assert decode_update_list(data) == _list(case["list"])
    assert len(data) == case["bytes"] == compute_list_bytes(len(case["list"]["entries"]))
    assert compute_digest(data).hex() == case["digest"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_any_safetensors_reader_opens_a_list(case: dict[str, Any]) -> None:
    tensors = safetensors.numpy.load(golden.blob_of(case["parts"]))
    assert set(tensors) == {"entries"}
    assert tensors["entries"].shape == (len(case["list"]["entries"]), ENTRY_BYTES)


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_an_entry_is_found_by_its_position_alone(case: dict[str, Any]) -> None:
    data, entries = golden.blob_of(case["parts"]), case["list"]["entries"]
    for position, values in enumerate(entries):
        place = locate_entry(len(entries), position)
        at = 1024 * place.chunk + place.offset
        assert decode_entry(data[at : at + ENTRY_BYTES]) == _entry(values)
        assert place.num_chunks == -(-len(data) // 1024)


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_bytes_that_no_encoder_writes_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedBlob):
        decode_update_list(golden.blob_of(case["parts"]))


@pytest.mark.parametrize("data", [b"", b"{}", bytes(1024), bytes(1280), b"[" * 5000])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedBlob):
        decode_update_list(data)


def test_a_list_of_nothing_is_not_written() -> None:
    with pytest.raises(MalformedBlob, match="1 to"):
        encode_update_list(UpdateList("ab" * 32, 1, ()))
    with pytest.raises(MalformedBlob, match="says nothing"):
        encode_update_list(UpdateList("ab" * 32, 1, (None,)))


def test_an_entry_that_says_nothing_leaves_the_others_alone() -> None:
    case = VECTORS["cases"][1]
    data = bytearray(golden.blob_of(case["parts"]))
    data[1024 + 2 * ENTRY_BYTES - 1] = 1
    decoded = decode_update_list(bytes(data)).entries
    assert decoded[1] is None
    assert [entry for i, entry in enumerate(decoded) if i != 1] == [
        _entry(values) for i, values in enumerate(case["list"]["entries"]) if i != 1
    ]


@pytest.mark.parametrize("case", **golden.named(VECTORS["entries"], "name"))
def test_an_entry_is_genuine_if_it_could_have_been_submitted_by_whom_it_names(
    case: dict[str, Any],
) -> None:
    place = Place(
        VECTORS["chain_id"],
        VECTORS["ledger"],
        "ab" * 32,
        VECTORS["round"],
        VECTORS["max_weight"],
        frozenset(),
    )
    entry = decode_entry(bytes.fromhex(case["entry"]))
    assert (entry is not None and is_genuine(place, entry)) == case["is_genuine"]
