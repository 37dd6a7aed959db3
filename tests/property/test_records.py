"""Records to logs and back, against eth_abi."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from eth_abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.logs import (
    Log,
    append_history,
    compute_history_hash,
    compute_history_start,
    compute_record_hash,
    decode_log,
    encode_log,
    topic_of,
)
from fl_chain.protocol.records import (
    AUDIT_RECORDS,
    LEDGER_RECORDS,
    REGISTRY_RECORDS,
    TaskParameters,
)
from tests import reference as ref

KINDS = [*LEDGER_RECORDS, *REGISTRY_RECORDS, *AUDIT_RECORDS]
VALUES = {
    "address": st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex()),
    "bytes32": st.binary(min_size=32, max_size=32),
    "bool": st.booleans(),
    "uint8": st.integers(0, 2**8 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "uint40": st.integers(0, 2**40 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "uint96": st.integers(0, 2**96 - 1),
    "uint128": st.integers(0, 2**128 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint256[32]": st.lists(st.integers(0, 2**256 - 1), min_size=32, max_size=32).map(tuple),
}


@st.composite
def records(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(KINDS))
    arguments = []
    for _, abi_type in ref.EVENTS[kind.__name__][1]:
        if isinstance(abi_type, str):
            arguments.append(draw(VALUES[abi_type]))
        else:
            arguments.append(TaskParameters(*(draw(VALUES[part]) for _, part in abi_type)))
    return kind(*arguments)


def log_of(topics: tuple[bytes, ...], data: bytes) -> Log:
    return Log("0x" + "1e" * 20, topics, data, 1, 0, bytes(32))


def types_of(record: Any) -> list[str]:
    return [
        kind if isinstance(kind, str) else f"({','.join(part for _, part in kind)})"
        for _, kind in ref.EVENTS[type(record).__name__][1]
    ]


def plain(record: Any) -> list[Any]:
    return [
        tuple(plain(value)) if isinstance(value, TaskParameters) else value
        for value in (getattr(record, entry.name) for entry in fields(record))
    ]


@given(records())
def test_logs_decode_to_their_records(record: Any) -> None:
    assert decode_log(log_of(*encode_log(record))) == record


@given(records())
def test_logs_are_encoded_as_eth_abi_does(record: Any) -> None:
    topics, data = encode_log(record)
    types, values, indexed = types_of(record), plain(record), type(record).INDEXED
    assert topics[0] == topic_of(type(record))
    for topic, abi_type, value in zip(topics[1:], types, values, strict=False):
        assert decode([abi_type], topic) == (value,)
    assert data == encode(types[indexed:], values[indexed:])


@given(records())
def test_a_record_hash_covers_topic_and_every_argument(record: Any) -> None:
    values = encode(types_of(record), plain(record))
    assert compute_record_hash(record) == ref.keccak(topic_of(type(record)) + values)


@given(st.integers(1, 2**64), VALUES["address"], st.lists(records(), max_size=5))
def test_a_history_is_hashed_record_by_record(chain_id: int, contract: str, drawn: Any) -> None:
    history = ref.history_start(chain_id, contract)
    assert compute_history_start(chain_id, contract) == history
    for record in drawn:
        history = ref.keccak(history + compute_record_hash(record))
    assert compute_history_hash(chain_id, contract, drawn) == history


@given(records(), records())
def test_different_records_have_different_hashes(one: Any, other: Any) -> None:
    assert (compute_record_hash(one) == compute_record_hash(other)) == (one == other)
    start = bytes(32)
    if one != other:
        forwards = append_history(append_history(start, one), other)
        assert forwards != append_history(append_history(start, other), one)


@given(st.lists(st.binary(max_size=40), max_size=4).map(tuple), st.binary(max_size=256))
def test_arbitrary_logs_raise_nothing_but_malformed_blob(
    topics: tuple[bytes, ...], data: bytes
) -> None:
    with pytest.raises(MalformedBlob):
        decode_log(log_of(topics, data))


@given(
    st.sampled_from(KINDS),
    st.lists(st.binary(min_size=31, max_size=33), max_size=4),
    st.integers(0, 20),
    st.binary(min_size=32, max_size=32),
)
def test_logs_that_bear_a_known_topic_are_refused_or_canonical(
    kind: type[Any], topics: list[bytes], words: int, word: bytes
) -> None:
    log = log_of((topic_of(kind), *topics), word * words)
    try:
        record = decode_log(log)
    except MalformedBlob:
        return
    assert encode_log(record) == (log.topics, log.data)


@given(records(), st.data())
def test_dirty_bytes_beside_a_value_are_refused(record: Any, data: st.DataObject) -> None:
    """The contract pads with zeros; anything else in those bytes is no log of its own."""
    topics, body = encode_log(record)
    flat = [part for _, kind in ref.EVENTS[type(record).__name__][1] for part in _flat(kind)]
    padded = {"address": 12, "uint32": 28, "uint40": 27}
    word = data.draw(st.sampled_from([i for i, kind in enumerate(flat) if kind in padded]))
    at = data.draw(st.integers(0, padded[flat[word]] - 1))
    words = bytearray(b"".join(topics[1:]) + body)
    words[32 * word + at] = data.draw(st.integers(1, 255))
    indexed = type(record).INDEXED
    dirty = [bytes(words[32 * i : 32 * i + 32]) for i in range(len(words) // 32)]
    with pytest.raises(MalformedBlob, match="is no"):
        decode_log(log_of((topics[0], *dirty[:indexed]), b"".join(dirty[indexed:])))


def _flat(kind: Any) -> list[str]:
    if not isinstance(kind, str):
        return [part for _, part in kind]
    return ["uint256"] * 32 if kind == "uint256[32]" else [kind]
