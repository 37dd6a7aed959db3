"""The built contracts: artifacts, calls to bytes, custom errors back to words.

Source: Solidity ABI specification.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from fl_chain.protocol.actions import LedgerAction, RecordAudit, RegistryAction
from fl_chain.protocol.records import TaskParameters

LEDGER = "RoundLedger"
DISPUTES = "Disputes"
"""The code that decides disputes, on the storage of whichever ledger runs it."""
REGISTRY = "ParticipantRegistry"
AUDIT_REGISTER = "AuditRegister"


@cache
def load_artifact(contract: str) -> dict[str, Any]:
    """Return the artifact of a contract as built from contracts/; see compiler.py for fields."""
    path = resources.files("fl_chain.chain") / "artifacts" / f"{contract}.json"
    artifact: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return artifact


def encode_build(contract: str) -> bytes:
    """Return the artifact of a contract as the file of an evidence bundle."""
    return json.dumps(load_artifact(contract), indent=1, sort_keys=True).encode() + b"\n"


def encode_registry_creation(enrolment_bond: int = 0, leave_seconds: int = 0) -> bytes:
    """Return the input of the transaction that deploys a registry.

    Parameters
    ----------
    enrolment_bond
        What anybody deposits to enrol itself, in wei, 0 to 2^96 - 1; 0 if nobody can.
    leave_seconds
        Time between leaving and claiming a bond, 0 to 2^32 - 1.
    """
    arguments = encode(["uint96", "uint32"], [enrolment_bond, leave_seconds])
    return encode_creation(REGISTRY) + arguments


def encode_creation(
    contract: str, parameters: TaskParameters | None = None, aggregators: Sequence[str] = ()
) -> bytes:
    """Return the input of the transaction that deploys a contract; without parameters, its code."""
    code = bytes.fromhex(load_artifact(contract)["bytecode"][2:])
    if parameters is None:
        return code
    (constructor,) = (e for e in load_artifact(contract)["abi"] if e["type"] == "constructor")
    types = [_type_of(entry) for entry in constructor["inputs"]]
    words = [getattr(parameters, entry.name) for entry in fields(parameters)]
    return code + encode(types, [words, list(aggregators)])


def encode_action(action: LedgerAction | RegistryAction | RecordAudit) -> bytes:
    """Return the input of the transaction that carries out an action."""
    kind = type(action).__name__
    entry = _functions()[kind[0].lower() + kind[1:]]
    return _selector(entry) + encode(
        [_type_of(argument) for argument in entry["inputs"]],
        [_value_of(argument, action) for argument in entry["inputs"]],
    )


def encode_view(function: str, *arguments: Any) -> bytes:
    """Return the input of a call to a view function of any of the contracts."""
    entry = _functions()[function]
    types = [_type_of(argument) for argument in entry["inputs"]]
    return _selector(entry) + encode(types, arguments)


def decode_error(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return name and arguments of the custom error in revert data; an empty name if unknown."""
    entry = _errors().get(data[:4])
    if entry is None:
        return "", {}
    types = [_type_of(argument) for argument in entry["inputs"]]
    try:
        values = decode(types, data[4:])
    except DecodingError:
        return "", {}
    names = [argument["name"] for argument in entry["inputs"]]
    return entry["name"], dict(zip(names, values, strict=True))


def matches_runtime_code(contract: str, code: bytes) -> bool:
    """Return whether ``code`` is a contract's deployed code, whatever its immutables."""
    artifact = load_artifact(contract)
    expected = bytearray.fromhex(artifact["deployedBytecode"][2:])
    if len(code) != len(expected):
        return False
    masked = bytearray(code)
    for start, length in artifact["immutableReferences"]:
        masked[start : start + length] = bytes(length)
        expected[start : start + length] = bytes(length)
    return masked == expected


def _value_of(argument: dict[str, Any], record: Any) -> Any:
    """Return the field of a record that an argument of the ABI asks for, by its name."""
    name = re.sub("[A-Z]", lambda letter: "_" + letter.group().lower(), argument["name"])
    return _plain(argument, getattr(record, name))


def _plain(argument: dict[str, Any], value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(argument, entry) for entry in value]
    if "components" in argument:
        return [_value_of(component, value) for component in argument["components"]]
    return value


def _type_of(entry: dict[str, Any]) -> str:
    if entry["type"].startswith("tuple"):
        parts = ",".join(_type_of(part) for part in entry["components"])
        return f"({parts}){entry['type'].removeprefix('tuple')}"
    return str(entry["type"])


def _selector(entry: dict[str, Any]) -> bytes:
    types = ",".join(_type_of(argument) for argument in entry["inputs"])
    return keccak(f"{entry['name']}({types})".encode())[:4]


def _entries(kind: str) -> list[dict[str, Any]]:
    return [
        entry
        for contract in (LEDGER, REGISTRY, AUDIT_REGISTER)
        for entry in load_artifact(contract)["abi"]
        if entry["type"] == kind
    ]


@cache
def _functions() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in _entries("function")}


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    return {_selector(entry): entry for entry in _entries("error")}
