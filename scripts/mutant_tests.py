"""The contract tests, built with all mutants in one set of sources and run against one of them.

Compiling is most of the work of a test run, and most of that is the same ledger again and again,
once in every test contract that creates one. Here each contract is compiled once and stands, as
creation code, at an address of its own, from where the tests create it; and the tests themselves,
which need not be small, are compiled without the optimizer.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from fl_chain.chain.compiler import COMPILER_VERSION, SETTINGS, read_sources
from fl_chain.npm import node_executable
from scripts.measure_conditions import ROOT, parse
from scripts.mutant_sources import Mutant, loosen
from scripts.mutants import make_schema

TESTS = ROOT / "tests" / "contracts"
GAS_LIMIT = 2**32
"""Ends a mutant that never ends; each test needs less."""

FAST_IR = {
    "viaIR": True,
    "optimizer": {
        "enabled": True,
        "details": {"yul": True, "yulDetails": {"stackAllocation": True, "optimizerSteps": ":"}},
    },
}
LEGACY = {"viaIR": False, "optimizer": {"enabled": False}}

CREATIONS = "tests/contracts/Creations.sol"
CREATIONS_SOURCE = f"""\
// SPDX-License-Identifier: Apache-2.0
pragma solidity {COMPILER_VERSION};
library Creations {{
    function create(address code, bytes memory arguments) internal returns (address payable made) {{
        uint256 free;
        assembly {{
            free := mload(0x40)
        }}
        bytes memory all = bytes.concat(code.code, arguments);
        assembly {{
            made := create(0, add(all, 0x20), mload(all))
            // A test that creates hundreds would run out of gas for memory.
            mstore(0x40, free)
            if iszero(made) {{
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }}
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Suite:
    """A test contract: its name and source, and how long it takes."""

    name: str
    source: str
    seconds: float = 60.0


@dataclass
class Build:
    """What a run needs: the code of tests and contracts, and which mutants are not in it."""

    not_compiled: list[Mutant]
    suites: list[Suite]
    inputs: dict[str, Any]


class CompilerRefused(Exception):
    """The compiler refuses sources, for a reason that no mutant is to blame for."""


def find_mutants() -> list[Mutant]:
    """Return all mutants of the contracts, whether or not they compile."""
    contracts = read_sources(ROOT)
    return make_schema(contracts, parse(contracts)).mutants


def build() -> Build:
    """Compile the tests, and the contracts with all mutants that the compiler takes."""
    contracts, tests = read_sources(ROOT), read_tests()
    trees = parse({**contracts, **tests})
    created = created_contracts(trees, tests)
    left_out: set[int] = set()
    while True:
        schema = make_schema(contracts, {name: trees[name] for name in contracts}, left_out)
        outputs, blamed = compile_sources(schema.sources, FAST_IR, sorted(created.values()))
        if not blamed:
            break
        if blamed <= left_out:
            raise CompilerRefused(outputs["errors"][0]["formattedMessage"])
        left_out |= blamed
    addresses = {name: 0xC0DE0000 + i for i, name in enumerate(sorted(created))}
    sources = {**schema.sources, **rewrite_tests(tests, trees, addresses)}
    compiled, blamed = compile_sources(sources, LEGACY, sorted(tests))
    if blamed:
        raise CompilerRefused(compiled["errors"][0]["formattedMessage"])
    artifacts = [
        _artifact(source, name, contract)
        for output in (outputs, compiled)
        for source, found in output["contracts"].items()
        for name, contract in found.items()
    ]
    predeploys = [
        {
            "address": f"{addresses[name]:040x}",
            "code": outputs["contracts"][source][name]["evm"]["bytecode"]["object"],
        }
        for name, source in sorted(created.items())
    ]
    suites = [
        Suite(artifact["id"]["name"], artifact["id"]["source"])
        for artifact in artifacts
        if artifact["id"]["source"].endswith(".t.sol") and _is_suite(artifact["contract"])
    ]
    inputs = {
        "root": str(ROOT),
        "artifacts": artifacts,
        "predeploys": predeploys,
        "gasLimit": str(GAS_LIMIT),
    }
    return Build(schema.left_out, suites, inputs)


def read_tests() -> dict[str, str]:
    """Return the sources of the contract tests."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(TESTS.rglob("*.sol"))
    }


def rewrite_tests(
    tests: dict[str, str], trees: dict[str, Any], addresses: dict[str, int]
) -> dict[str, str]:
    """Return tests that create contracts from code at addresses, and what that takes."""
    rewritten = {name: _rewrite_test(text, trees[name], addresses) for name, text in tests.items()}
    return {**rewritten, CREATIONS: CREATIONS_SOURCE}


def created_contracts(trees: dict[str, Any], tests: dict[str, str]) -> dict[str, str]:
    """Return the contracts below contracts/ that tests create, by name, with their sources."""
    sources = {}
    for name, tree in trees.items():
        if name not in tests:
            for node in tree["nodes"]:
                if node["nodeType"] == "ContractDefinition":
                    sources[node["name"]] = name
    names = {node["typeName"]["pathNode"]["name"] for name in tests for node in _news(trees[name])}
    return {name: sources[name] for name in sorted(names & sources.keys())}


def _news(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for entry in node for found in _news(entry)]
    if not isinstance(node, dict):
        return []
    found = [entry for child in node.values() for entry in _news(child)]
    if node.get("nodeType") == "FunctionCall" and _is_creation(node["expression"]):
        return [{"src": node["src"], **node["expression"], "call": node["src"]}, *found]
    return found


def _is_creation(node: dict[str, Any]) -> bool:
    return bool(node["nodeType"] == "NewExpression" and "pathNode" in node["typeName"])


def _rewrite_test(text: str, tree: Any, addresses: dict[str, int]) -> str:
    code = text.encode()
    edits: list[tuple[int, int, str]] = []
    for node in _news(tree):
        name = node["typeName"]["pathNode"]["name"]
        if name not in addresses:
            continue
        start, length, _ = (int(part) for part in node["src"].split(":"))
        begin, size, _ = (int(part) for part in node["call"].split(":"))
        where = f"address(uint160({addresses[name]}))"
        edits.append((start, start + length, f"{name}(Creations.create({where}, abi.encode"))
        edits.append((begin + size, begin + size, "))"))
    for start, end, replacement in sorted(edits, reverse=True):
        code = code[:start] + replacement.encode() + code[end:]
    text = loosen(code.decode())
    if edits:
        pragma = f"pragma solidity {COMPILER_VERSION};\n"
        text = text.replace(pragma, f'{pragma}import {{Creations}} from "{CREATIONS}";\n', 1)
    return text


def compile_sources(
    sources: dict[str, str], settings: dict[str, Any], wanted: list[str]
) -> tuple[dict[str, Any], set[int]]:
    """Compile, and return the output and the mutants whose text the errors are about."""
    selection = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {
            **SETTINGS,
            **settings,
            "outputSelection": {name: {"*": selection} for name in wanted},
        },
    }
    command = [str(node_executable()), str(ROOT / "contracts" / "solc.cjs"), "--standard-json"]
    finished = subprocess.run(
        command, input=json.dumps(request).encode(), capture_output=True, check=True
    )
    output: dict[str, Any] = json.loads(finished.stdout)
    errors = [entry for entry in output.get("errors", []) if entry["severity"] == "error"]
    output["errors"] = errors
    blamed: set[int] = set()
    for error in errors:
        place = error.get("sourceLocation")
        if place is None or place["file"] not in sources:
            raise CompilerRefused(error["formattedMessage"])
        code = sources[place["file"]].encode()[place["start"] : place["end"]].decode()
        numbers = _numbers_in(code)
        if not numbers:
            raise CompilerRefused(error["formattedMessage"])
        blamed |= numbers
    return output, blamed


def _numbers_in(code: str) -> set[int]:
    found = re.findall(r"Mutants\.\w+\((\d+)|basefee\(\), (\d+)", code)
    return {int(one or other) for one, other in found}


def _artifact(source: str, name: str, contract: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": {"name": name, "solcVersion": COMPILER_VERSION, "source": source},
        "contract": {
            "abi": json.dumps(contract["abi"]),
            "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
            "linkReferences": {},
            "deployedBytecode": "0x" + contract["evm"]["deployedBytecode"]["object"],
            "deployedLinkReferences": {},
        },
    }


def _is_suite(contract: dict[str, Any]) -> bool:
    return contract["bytecode"] != "0x" and any(
        entry["type"] == "function" and entry["name"].startswith(("test", "invariant"))
        for entry in json.loads(contract["abi"])
    )
