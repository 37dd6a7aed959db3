"""Records: logs to values and back, and the hashes over them."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib import resources
from typing import Any

import pytest
from eth_hash.auto import keccak

from fl_chain.errors import MalformedBlob
from fl_chain.protocol import records
from fl_chain.protocol.logs import (
    Log,
    append_history,
    compute_history_hash,
    compute_history_start,
    compute_record_hash,
    decode_log,
    encode_log,
    signature_of,
    topic_of,
)
from fl_chain.protocol.records import (
    AUDIT_RECORDS,
    LEDGER_RECORDS,
    REGISTRY_RECORDS,
    TaskParameters,
)
from tests import golden
from tests import reference as ref

HISTORIES = golden.load("history/history.json")["histories"]
ENTRIES = {entry["event"]: entry for history in HISTORIES for entry in history["records"]}


def build(event: str, values: dict[str, Any]) -> Any:
    """Return the record that the vectors describe."""
    hexadecimal = dict(ref.TASK_PARAMETERS) | dict(ref.EVENTS[event][1])
    plain = {
        name: TaskParameters(**_plain(value, dict(ref.TASK_PARAMETERS)))
        if name == "parameters"
        else value
        for name, value in values.items()
    }
    return getattr(records, event)(**_plain(plain, hexadecimal))


def _plain(values: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
    return {
        name: bytes.fromhex(value)
        if kinds[name] == "bytes32"
        else (tuple(value) if isinstance(value, list) else value)
        for name, value in values.items()
    }


def log_of(entry: dict[str, Any], **changes: Any) -> Log:
    fields_ = {
        "address": "0x" + "1e" * 20,
        "topics": tuple(bytes.fromhex(topic) for topic in entry["topics"]),
        "data": bytes.fromhex(entry["data"]),
        "block_number": 7,
        "log_index": 0,
        "transaction_hash": bytes(32),
    }
    return Log(**(fields_ | changes))


@pytest.mark.parametrize("history", **golden.named(HISTORIES, "name"))
def test_histories_have_their_golden_hashes(history: dict[str, Any]) -> None:
    value = compute_history_start(history["chain_id"], history["contract"])
    assert value.hex() == history["start"]
    built = [build(entry["event"], entry["values"]) for entry in history["records"]]
    for record, entry in zip(built, history["records"], strict=True):
        assert compute_record_hash(record).hex() == entry["record_hash"]
        value = append_history(value, record)
        assert value.hex() == entry["history_hash"]
    assert compute_history_hash(history["chain_id"], history["contract"], built) == value


@pytest.mark.parametrize("event", ref.EVENTS)
def test_logs_decode_to_their_records_and_back(event: str) -> None:
    entry = ENTRIES[event]
    record = build(event, entry["values"])
    assert decode_log(log_of(entry)) == record
    topics, data = encode_log(record)
    assert [topic.hex() for topic in topics] == entry["topics"]
    assert data.hex() == entry["data"]


@pytest.mark.parametrize(
    "kind", [*LEDGER_RECORDS, *REGISTRY_RECORDS, *AUDIT_RECORDS], ids=lambda k: k.__name__
)
def test_records_have_the_signatures_of_the_interfaces(kind: type[Any]) -> None:
    assert signature_of(kind) == ref.abi_signature(kind.__name__)
    assert topic_of(kind) == keccak(signature_of(kind).encode())
    assert ref.EVENTS[kind.__name__][0] == kind.INDEXED
    assert [entry.name for entry in fields(kind)] == [n for n, _ in ref.EVENTS[kind.__name__][1]]


@pytest.mark.parametrize(
    ("contract", "kinds"),
    [
        ("RoundLedger", LEDGER_RECORDS),
        ("ParticipantRegistry", REGISTRY_RECORDS),
        ("AuditRegister", AUDIT_RECORDS),
    ],
)
def test_every_event_of_a_contract_has_a_record_and_no_record_lacks_its_event(
    contract: str, kinds: tuple[type[Any], ...]
) -> None:
    path = resources.files("fl_chain.chain") / "artifacts" / f"{contract}.json"
    events = {
        entry["name"]: entry
        for entry in json.loads(path.read_text(encoding="utf-8"))["abi"]
        if entry["type"] == "event"
    }
    assert set(events) == {kind.__name__ for kind in kinds}
    for kind in kinds:
        inputs = events[kind.__name__]["inputs"]
        assert [entry["indexed"] for entry in inputs] == [
            i < kind.INDEXED for i in range(len(inputs))
        ]
        types = ",".join(_abi_type(entry) for entry in inputs)
        assert signature_of(kind) == f"{kind.__name__}({types})"
        assert [entry["name"] for entry in inputs] == [_camel(e.name) for e in fields(kind)]


def test_task_parameters_have_the_names_and_order_of_the_contract() -> None:
    path = resources.files("fl_chain.chain") / "artifacts" / "RoundLedger.json"
    (constructor,) = (
        entry
        for entry in json.loads(path.read_text(encoding="utf-8"))["abi"]
        if entry["type"] == "constructor"
    )
    names = [part["name"] for part in constructor["inputs"][0]["components"]]
    assert names == [_camel(entry.name) for entry in fields(TaskParameters)]


def _abi_type(entry: dict[str, Any]) -> str:
    if entry["type"] == "tuple":
        return f"({','.join(_abi_type(part) for part in entry['components'])})"
    return str(entry["type"])


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


SUBMITTED = ENTRIES["UpdateSubmitted"]
SUBMITTED_TOPICS = log_of(SUBMITTED).topics
SUBMITTED_DATA = log_of(SUBMITTED).data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topics": ()}, "unknown event"),
        ({"topics": (bytes(32), *SUBMITTED_TOPICS[1:])}, "unknown event"),
        ({"topics": SUBMITTED_TOPICS[:2]}, "words"),
        ({"topics": (*SUBMITTED_TOPICS, bytes(32))}, "words"),
        ({"topics": SUBMITTED_TOPICS[:2], "data": bytes(32) + SUBMITTED_DATA}, "words"),
        ({"topics": (*SUBMITTED_TOPICS, bytes(32)), "data": SUBMITTED_DATA[32:]}, "words"),
        ({"data": SUBMITTED_DATA + bytes(32)}, "words"),
        ({"data": SUBMITTED_DATA[:-32]}, "words"),
        ({"data": SUBMITTED_DATA[:-1]}, "whole number"),
        ({"data": b"\1" + SUBMITTED_DATA[1:]}, "no uint32"),
        ({"topics": (*SUBMITTED_TOPICS[:2], b"\1" + bytes(31))}, "no address"),
        ({"topics": (*SUBMITTED_TOPICS[:2], bytes(20))}, "32 bytes"),
        ({"topics": (SUBMITTED_TOPICS[0], b"\xff" * 32, SUBMITTED_TOPICS[2])}, "no uint32"),
    ],
)
def test_logs_that_the_contract_cannot_have_emitted_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(MalformedBlob, match=message):
        decode_log(log_of(SUBMITTED, **changes))


def test_chain_and_contract_are_part_of_a_history() -> None:
    contract = "0x" + "1e" * 20
    assert compute_history_start(1, contract) != compute_history_start(2, contract)
    assert compute_history_start(1, contract) != compute_history_start(1, "0x" + "1f" * 20)
