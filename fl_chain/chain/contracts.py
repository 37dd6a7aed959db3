"""The built contracts: artifacts, calls to bytes, custom errors back to words.

Source: Solidity ABI specification.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from fl_chain.protocol.actions import LedgerAction, RegistryAction
from fl_chain.protocol.records import TaskParameters

LEDGER = "RoundLedger"
REGISTRY = "ParticipantRegistry"


@cache
def load_artifact(contract: str) -> dict[str, Any]:
    """Return the artifact of a contract as built from contracts/; see compiler.py for fields."""
    path = resources.files("fl_chain.chain") / "artifacts" / f"{contract}.json"
    artifact: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return artifact


def encode_creation(contract: str, parameters: TaskParameters | None = None) -> bytes:
    """Return the input of the transaction that deploys a contract."""
    code = bytes.fromhex(load_artifact(contract)["bytecode"][2:])
    if parameters is None:
        return code
    (constructor,) = (e for e in load_artifact(contract)["abi"] if e["type"] == "constructor")
    types = [_type_of(entry) for entry in constructor["inputs"]]
    return code + encode(types, [_values(parameters)])


def encode_action(action: LedgerAction | RegistryAction) -> bytes:
    """Return the input of the transaction that carries out an action."""
    kind = type(action).__name__
    function = kind[0].lower() + kind[1:]
    selector, types = _functions()[function]
    return selector + encode(types, _values(action))


def encode_view(function: str, *arguments: Any) -> bytes:
    """Return the input of a call to a view function of either contract."""
    selector, types = _functions()[function]
    return selector + encode(types, arguments)


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


def _values(record: Any) -> list[Any]:
    values = [getattr(record, entry.name) for entry in fields(record)]
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _type_of(entry: dict[str, Any]) -> str:
    if entry["type"] == "tuple":
        return f"({','.join(_type_of(part) for part in entry['components'])})"
    return str(entry["type"])


def _entries(kind: str) -> list[dict[str, Any]]:
    return [
        entry
        for contract in (LEDGER, REGISTRY)
        for entry in load_artifact(contract)["abi"]
        if entry["type"] == kind
    ]


@cache
def _functions() -> dict[str, tuple[bytes, list[str]]]:
    functions = {}
    for entry in _entries("function"):
        types = [_type_of(argument) for argument in entry["inputs"]]
        selector = keccak(f"{entry['name']}({','.join(types)})".encode())[:4]
        functions[entry["name"]] = (selector, types)
    return functions


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    errors = {}
    for entry in _entries("error"):
        types = ",".join(_type_of(argument) for argument in entry["inputs"])
        errors[keccak(f"{entry['name']}({types})".encode())[:4]] = entry
    return errors
