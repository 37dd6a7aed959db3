#!/usr/bin/env python3
"""Which conditions of contracts/ the contract tests find both true and false.

``write DIRECTORY`` makes a Foundry project there: a copy of the contracts in which every operand of
``&&`` and ``||`` and every condition of an ``if``, a loop and ``?:`` passes through a probe of its
own, and the tests as they are. After ``forge coverage`` has run there, ``report DIRECTORY`` lists
the outcomes that never came. docs/contract-quality.md has all commands.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fl_chain.chain.compiler import COMPILER_VERSION, SETTINGS, read_sources  # noqa: E402
from fl_chain.npm import node_executable  # noqa: E402

PRAGMA = f"pragma solidity {COMPILER_VERSION};\n"
HEAD = "// SPDX-License-Identifier: Apache-2.0\n" + PRAGMA + "library Probes {\n"
PROBE = """\
function c{number}(bool x) internal pure returns (bool) {{
    if (x) {{
        return true;
    }}
    return false;
}}
"""
FIRST_LINE, LINES_OF_A_PROBE = HEAD.count("\n") + 1, PROBE.count("\n")

PROJECT = f"""\
[profile.default]
src = "contracts"
test = "tests/contracts"
libs = []
solc = "./solc"
offline = true
evm_version = "{SETTINGS["evmVersion"]}"
gas_limit = "18446744073709551615"
fs_permissions = [{{ access = "read", path = "./tests/vectors" }}]
[fuzz]
runs = 64
seed = "0xf1c4a1"
[invariant]
runs = 8
depth = 50
fail_on_revert = false
"""

Condition = tuple[str, int, str]
"""File, line and text."""


def main() -> int:
    """Write the project, or report; return 1 when an outcome never came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["write", "report"])
    parser.add_argument("directory", type=Path, help="not in the checkout; made by `write`")
    arguments = parser.parse_args()
    if arguments.step == "write":
        return write(arguments.directory)
    return report(arguments.directory)


def write(directory: Path) -> int:
    """Write the project, and the conditions by the number of their probe."""
    directory.mkdir(parents=True)
    sources = read_sources(ROOT)
    conditions: list[Condition] = []
    for name, tree in parse(sources).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(instrument(name, sources[name], tree, conditions), encoding="utf-8")
    probes = "".join(PROBE.format(number=number) for number in range(len(conditions)))
    (directory / "contracts" / "Probes.sol").write_text(HEAD + probes + "}\n", encoding="utf-8")
    for folder in ("contracts", "vectors"):
        shutil.copytree(ROOT / "tests" / folder, directory / "tests" / folder)
    (directory / "foundry.toml").write_text(PROJECT, encoding="utf-8")
    (directory / "conditions.json").write_text(json.dumps(conditions), encoding="utf-8")
    front = directory / "solc"
    script = ROOT / "contracts" / "solc.cjs"
    front.write_text(f'#!/bin/sh\nexec "{node_executable()}" "{script}" "$@"\n', encoding="utf-8")
    front.chmod(0o700)
    print(f"{len(conditions)} conditions")
    return 0


def report(directory: Path) -> int:
    """Print every outcome that never came."""
    conditions: list[Condition] = json.loads((directory / "conditions.json").read_text("utf-8"))
    hits: dict[int, int] = {}
    source = ""
    for entry in (directory / "lcov.info").read_text(encoding="utf-8").splitlines():
        if entry.startswith("SF:"):
            source = entry[3:]
        elif entry.startswith("DA:") and source.endswith("/Probes.sol"):
            line, count = entry[3:].split(",")[:2]
            hits[int(line)] = int(count)
    missing = 0
    for number, (name, line_of_condition, text) in enumerate(conditions):
        probe = FIRST_LINE + LINES_OF_A_PROBE * number
        for outcome, line_of_outcome in (("true", probe + 2), ("false", probe + 4)):
            if hits[line_of_outcome] == 0:
                missing += 1
                print(f"{name}:{line_of_condition}: {text}: never {outcome}")
    print(f"{2 * len(conditions) - missing} of {2 * len(conditions)} outcomes")
    return int(missing != 0)


def parse(sources: dict[str, str]) -> dict[str, Any]:
    """Return the syntax tree of every source."""
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {"outputSelection": {"*": {"": ["ast"]}}},
    }
    command = [str(node_executable()), str(ROOT / "contracts" / "solc.cjs"), "--standard-json"]
    finished = subprocess.run(
        command, input=json.dumps(request).encode(), capture_output=True, check=True
    )
    output = json.loads(finished.stdout)
    return {name: output["sources"][name]["ast"] for name in sources}


def instrument(name: str, text: str, tree: Any, conditions: list[Condition]) -> str:
    """Return a source with its probes, and append its conditions."""
    code = text.encode()
    insertions: list[tuple[int, int, int, str]] = []
    for start, length in sorted(set(find_conditions(tree))):
        insertions.append((start, 1, -length, f"Probes.c{len(conditions)}("))
        insertions.append((start + length, 0, length, ")"))
        line = code[:start].count(b"\n") + 1
        conditions.append((name, line, code[start : start + length].decode()))
    if not insertions:
        return text
    parts, end = [], 0
    for place, _, _, insertion in sorted(insertions):
        parts += [code[end:place].decode(), insertion]
        end = place
    parts.append(code[end:].decode())
    way = "../" * (name.count("/") - 1) or "./"
    return "".join(parts).replace(PRAGMA, f'{PRAGMA}import {{Probes}} from "{way}Probes.sol";\n', 1)


def find_conditions(node: Any) -> Iterator[tuple[int, int]]:
    """Yield start and length of every condition below a node, in bytes; some of them twice."""
    if isinstance(node, list):
        for entry in node:
            yield from find_conditions(entry)
    elif isinstance(node, dict):
        kind = node.get("nodeType")
        if kind in ("IfStatement", "WhileStatement", "ForStatement", "Conditional"):
            yield from _operands(node["condition"])
        elif kind == "BinaryOperation" and node["operator"] in ("&&", "||"):
            yield from _operands(node)
        for entry in node.values():
            yield from find_conditions(entry)


def _operands(node: dict[str, Any]) -> Iterator[tuple[int, int]]:
    if node["nodeType"] == "TupleExpression" and len(node["components"]) == 1:
        yield from _operands(node["components"][0])
    elif node["nodeType"] == "BinaryOperation" and node["operator"] in ("&&", "||"):
        yield from _operands(node["leftExpression"])
        yield from _operands(node["rightExpression"])
    else:
        start, length, _ = node["src"].split(":")
        yield int(start), int(length)


if __name__ == "__main__":
    sys.exit(main())
