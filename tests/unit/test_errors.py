"""The error tree: drawn as it is, and complete in the words of the contracts."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_hash.auto import keccak

from fl_chain import errors
from fl_chain.chain.contracts import (
    AUDIT_REGISTER,
    LEDGER,
    REGISTRY,
    decode_error,
    load_artifact,
)
from fl_chain.protocol import registry as registry_module
from fl_chain.protocol import round as round_module

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, Exception)
}
REPLAY_ONLY = {
    "CreatedTwice",
    "MissingRecord",
    "NoModel",
    "TimeReversed",
    "UnexpectedAmount",
    "UnexpectedModel",
    "UnexpectedProposal",
    "UnexpectedSequence",
    "UnexpectedTime",
}
"""Refusals of a replay that the contract has no error for, since it cannot get there."""


def _contract_errors(contract: str) -> dict[str, Any]:
    entries = load_artifact(contract)["abi"]
    return {entry["name"]: entry for entry in entries if entry["type"] == "error"}


def test_every_error_is_exported_in_order() -> None:
    assert errors.__all__ == sorted(CLASSES)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert errors.__doc__
    parents: list[str] = []
    drawn = {}
    for line in errors.__doc__.splitlines():
        match = re.match(r"^    ([│├└─ ]*)([A-Z]\w+)(?: +(\d+))?(?: |$)", line)
        if match is None or match[2] not in CLASSES:
            continue
        depth = len(match[1]) // 4
        parents[depth:] = [match[2]]
        drawn[match[2]] = (parents[depth - 1] if depth else "Exception", match[3])
    assert set(drawn) == set(CLASSES)
    for name, (parent, code) in drawn.items():
        assert CLASSES[name].__base__.__name__ == parent
        if code is not None:
            assert CLASSES[name].exit_code == int(code)


def test_branches_have_exit_codes_of_their_own_and_leaves_those_of_their_branch() -> None:
    branches = [c for c in CLASSES.values() if c.__base__ is errors.FlChainError]
    codes = [branch.exit_code for branch in branches]
    assert sorted(codes) == list(range(10, 10 + len(branches)))
    for kind in CLASSES.values():
        if kind not in branches and kind is not errors.FlChainError:
            assert "exit_code" not in vars(kind)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_says_what_happened_and_what_to_do(name: str) -> None:
    assert CLASSES[name].__doc__
    assert str(CLASSES[name]("it broke", "mend it")) == "it broke (mend it)"
    assert str(CLASSES[name]("it broke")) == "it broke"


@pytest.mark.parametrize("contract", [LEDGER, REGISTRY, AUDIT_REGISTER])
def test_every_custom_error_is_understood_with_its_values(contract: str) -> None:
    for name, entry in _contract_errors(contract).items():
        types = [argument["type"] for argument in entry["inputs"]]
        assert not any(kind.startswith("tuple") for kind in types)
        values = [_example(kind, i) for i, kind in enumerate(types)]
        data = keccak(f"{name}({','.join(types)})".encode())[:4] + encode(types, values)
        names = [argument["name"] for argument in entry["inputs"]]
        assert all(names)
        assert decode_error(data) == (name, dict(zip(names, values, strict=True)))
        if types:
            assert decode_error(data[:-1]) == ("", {})


def test_an_error_of_another_contract_is_not_understood() -> None:
    assert decode_error(b"") == ("", {})
    assert decode_error(b"\x08\xc3\x79\xa0" + bytes(96)) == ("", {})


def test_contracts_mean_the_same_by_the_same_error() -> None:
    ledger, registry = _contract_errors(LEDGER), _contract_errors(REGISTRY)
    shared = set(ledger) & set(registry)
    assert shared == {
        "BondLocked",
        "NotEnrolled",
        "NothingToPay",
        "PayoutRefused",
        "UnexpectedDeposit",
    }
    for name in shared:
        assert ledger[name]["inputs"] == registry[name]["inputs"]
    assert not set(_contract_errors(AUDIT_REGISTER)) & {*ledger, *registry}


def test_the_round_state_machine_refuses_in_the_words_of_the_contract() -> None:
    used = set()
    for path in Path(round_module.__file__).parent.glob("*.py"):
        if path.name == "registry.py":  # another contract's words
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refuse":
                used.add(ast.literal_eval(node.args[0]))
    assert used - REPLAY_ONLY <= set(_contract_errors(LEDGER))
    assert used >= REPLAY_ONLY
    # What is left is about senders, signatures, content or the registry, which no record shows.
    assert set(_contract_errors(LEDGER)) - used == {
        "BeyondEnd",
        "CommitmentsRequired",
        "MoveNotOver",
        "NoEquivocation",
        "NoOmission",
        "NoSuccessor",
        "NotChallenger",
        "NothingSubmitted",
        "NotEnrolled",
        "NotProposer",
        "PayoutRefused",
        "StillEnrolled",
        "UnknownList",
        "SuccessionDue",
        "UnexpectedDeposit",
        "UnknownRecord",
        "WrongOpening",
        "WrongReveal",
    }


def test_the_registrys_rules_refuse_in_the_words_of_the_contract() -> None:
    used = set(re.findall(r'refuse\("(\w+)"', inspect.getsource(registry_module)))
    assert used - REPLAY_ONLY <= set(_contract_errors(REGISTRY))
    # What is left is about senders, signatures and payments, which no record shows.
    assert set(_contract_errors(REGISTRY)) - used == {
        "NotAccepted",
        "NotParticipant",
        "NotRegistrar",
        "PayoutRefused",
    }


def _example(kind: str, position: int) -> Any:
    if kind == "address":
        return "0x" + f"{position + 10:02x}" * 20
    if kind == "bytes32":
        return bytes([position + 1]) * 32
    return position + 1
