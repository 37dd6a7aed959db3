"""The shipped artifacts are what the sources compile to, by two routes to the compiler."""

from __future__ import annotations

import json
import os
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from fl_chain.chain.compiler import (
    COMPILER_VERSION,
    CONTRACTS,
    INTERFACES,
    SETTINGS,
    SOURCES,
    compile_contracts,
    compute_sources_digest,
    join_interfaces,
    read_sources,
    write_artifacts,
)
from fl_chain.chain.contracts import (
    AUDIT_REGISTER,
    DISPUTES,
    LEDGER,
    encode_creation,
    encode_registry_creation,
    load_artifact,
    matches_runtime_code,
)
from fl_chain.errors import ToolchainError
from fl_chain.npm import node_executable
from fl_chain.protocol.committee import MAX_AGGREGATORS
from fl_chain.protocol.records import TaskParameters
from tests.golden import CHECKOUT

MAX_CODE_BYTES = 24_576
"""Of deployed code, by EIP-170."""
MAX_CREATION_BYTES = 49_152
"""Of creation code with its arguments, by EIP-3860."""


def run_node(*arguments: str) -> str:
    node = node_executable()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    finished = subprocess.run(
        [node, *arguments],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    return finished.stdout


COMPILES_ALL = pytest.mark.timeout(1200)
"""Hardhat compiles the contract tests as well, once: without its cache that takes many minutes."""


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    return compile_contracts(CHECKOUT)


@pytest.fixture(scope="module")
def hardhat_artifacts() -> Path:
    run_node("node_modules/hardhat/dist/src/cli.js", "compile", "--quiet")
    return CHECKOUT / "artifacts" / "contracts"


@pytest.fixture(scope="module")
def hardhat_config() -> dict[str, Any]:
    program = (
        "import('./hardhat.config.js').then(m => console.log(JSON.stringify(m.default.solidity)))"
    )
    config: dict[str, Any] = json.loads(run_node("--eval", program))
    return config


def test_every_shipped_artifact_is_a_fresh_compile_byte_for_byte(
    compiled: dict[str, Any], tmp_path: Path
) -> None:
    write_artifacts(compiled, tmp_path)
    shipped = resources.files("fl_chain.chain") / "artifacts"
    assert {path.name for path in tmp_path.iterdir()} == {
        entry.name for entry in shipped.iterdir() if entry.name.endswith(".json")
    }
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (shipped / path.name).read_bytes(), (
            "run scripts/build_artifacts.py"
        )


@COMPILES_ALL
def test_hardhat_compiles_the_same_bytecode(hardhat_artifacts: Path) -> None:
    for name in CONTRACTS:
        path = hardhat_artifacts / SOURCES[name].removeprefix("contracts/") / f"{name}.json"
        built = json.loads(path.read_text(encoding="utf-8"))
        shipped = load_artifact(name)
        assert built["bytecode"] == shipped["bytecode"]
        assert built["deployedBytecode"] == shipped["deployedBytecode"]
        folder = hardhat_artifacts / "interfaces"
        paths = [folder / f"{title}.sol" / f"{title}.json" for title in INTERFACES[name]]
        named = [json.loads(path.read_text(encoding="utf-8"))["abi"] for path in paths]
        constructor = [entry for entry in built["abi"] if entry["type"] == "constructor"]
        assert shipped["abi"] == [*constructor, *join_interfaces(named)]


def test_hardhat_compiles_with_the_same_settings(hardhat_config: dict[str, Any]) -> None:
    assert hardhat_config["settings"] == SETTINGS
    assert hardhat_config["version"] == COMPILER_VERSION


@pytest.mark.parametrize("name", CONTRACTS)
def test_artifacts_name_what_they_were_made_from(name: str) -> None:
    artifact = load_artifact(name)
    assert artifact["contractName"] == name
    assert artifact["compiler"] == COMPILER_VERSION
    assert artifact["sourcesDigest"] == compute_sources_digest(read_sources(CHECKOUT))


@pytest.mark.parametrize("name", CONTRACTS)
def test_contracts_fit_the_limit_of_mainnet(name: str) -> None:
    assert len(load_artifact(name)["deployedBytecode"]) // 2 - 1 <= MAX_CODE_BYTES


def test_code_for_disputes_is_the_same_in_every_task_and_compared_as_it_is() -> None:
    artifact = load_artifact(DISPUTES)
    assert artifact["immutableReferences"] == []
    assert not [entry for entry in artifact["abi"] if entry["type"] == "constructor"]
    code = bytes.fromhex(artifact["deployedBytecode"][2:])
    assert matches_runtime_code(DISPUTES, code)
    for position in range(0, len(code), 97):
        changed = bytes([code[position] ^ 1])
        other = code[:position] + changed + code[position + 1 :]
        assert not matches_runtime_code(DISPUTES, other)


def test_creations_fit_the_limit_of_mainnet_with_the_largest_committee() -> None:
    address = "0x" + "11" * 20
    parameters = TaskParameters(address, address, *[b"\x11" * 32] * 4, *[1] * 13, False, 0)
    aggregators = [address] * MAX_AGGREGATORS
    assert len(encode_registry_creation()) <= MAX_CREATION_BYTES
    assert len(encode_creation(LEDGER, parameters, aggregators)) <= MAX_CREATION_BYTES


@pytest.mark.parametrize("name", CONTRACTS)
def test_deployed_code_is_recognised_whatever_its_immutables(name: str) -> None:
    artifact = load_artifact(name)
    code = bytearray.fromhex(artifact["deployedBytecode"][2:])
    assert bool(artifact["immutableReferences"]) == (name not in (AUDIT_REGISTER, DISPUTES))
    for start, length in artifact["immutableReferences"]:
        code[start : start + length] = b"\xa5" * length
    assert matches_runtime_code(name, bytes(code))
    outside = next(
        at
        for at in range(len(code))
        if not any(s <= at < s + n for s, n in artifact["immutableReferences"])
    )
    code[outside] ^= 1
    assert not matches_runtime_code(name, bytes(code))
    assert not matches_runtime_code(name, bytes(code) + b"\0")
    assert not matches_runtime_code(name, b"")


def test_another_source_is_another_digest() -> None:
    sources = read_sources(CHECKOUT)
    name = next(iter(sources))
    changed = {**sources, name: sources[name] + "\n"}
    assert compute_sources_digest(changed) != compute_sources_digest(sources)


def test_a_directory_without_contracts_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="no Solidity sources"):
        read_sources(tmp_path)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("contract Broken {", "ParserError"),
        ("contract Careless { function f() external { uint256 unused; } }", "Unused local"),
    ],
)
def test_errors_and_warnings_of_the_compiler_are_shown(
    tmp_path: Path, source: str, complaint: str
) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "RoundLedger.sol").write_text(
        f"// SPDX-License-Identifier: Apache-2.0\npragma solidity {COMPILER_VERSION};\n{source}\n"
    )
    (tmp_path / "contracts" / "solc.cjs").write_bytes(
        (CHECKOUT / "contracts" / "solc.cjs").read_bytes()
    )
    (tmp_path / "node_modules").symlink_to(CHECKOUT / "node_modules")
    with pytest.raises(ToolchainError, match=complaint):
        compile_contracts(tmp_path)


def test_without_a_compiler_the_way_to_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(tmp_path))  # where no native compiler is
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "A.sol").write_text("")
    with pytest.raises(ToolchainError, match="scripts/setup"):
        compile_contracts(tmp_path)
