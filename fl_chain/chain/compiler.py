"""Compile contracts/ with the pinned Solidity compiler, reproducibly.

The compiler is npm's ``solc``, driven through py-solc-x by the front in contracts/solc.cjs; a
native compiler of the same version that py-solc-x has installed is preferred. Settings leave out
the metadata hash, so that the bytecode depends on nothing but code: anybody who compiles the same
sources gets the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from fl_chain.errors import ToolchainError
from fl_chain.npm import node_executable

COMPILER_VERSION = "0.8.37"
CONTRACTS = ("AuditRegister", "Disputes", "ParticipantRegistry", "RoundLedger")
"""The contracts whose artifacts ship with the package."""
SOURCES = {
    **{name: f"contracts/{name}.sol" for name in CONTRACTS},
    "Disputes": "contracts/ledger/Disputes.sol",
}
"""By contract, where its source is."""
INTERFACES = {
    **{name: (f"I{name}",) for name in CONTRACTS},
    "Disputes": ("IDisputes", "ISampling", "IMasks"),
    "RoundLedger": ("ILedger",),
}
"""By contract, what answers at its address."""
FORWARDED = {"RoundLedger": "Disputes"}
"""By contract, whose code runs for functions that the contract itself does not have."""

SETTINGS: dict[str, Any] = {
    "evmVersion": "prague",
    "optimizer": {"enabled": True, "runs": 200},
    "viaIR": True,
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}
"""Shared with hardhat.config.js; a test compares the two."""

Artifact = dict[str, Any]


def read_sources(checkout: Path) -> dict[str, str]:
    """Return every Solidity source below ``checkout``/contracts by its path from the checkout."""
    sources = {
        path.relative_to(checkout).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((checkout / "contracts").rglob("*.sol"))
    }
    if not sources:
        raise ToolchainError(
            f"no Solidity sources below {checkout / 'contracts'}", "run this from a checkout"
        )
    return sources


def compute_sources_digest(sources: dict[str, str]) -> str:
    """Hash sources, compiler and settings: equal digests mean equal artifacts."""
    recipe = {"compiler": COMPILER_VERSION, "settings": SETTINGS, "sources": sources}
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def compile_contracts(checkout: Path) -> dict[str, Artifact]:
    """Compile the contracts of a checkout.

    Returns
    -------
    dict
        Contract name to artifact: ABI, creation bytecode, deployed bytecode with the places of
        its immutables, and the digest of all that went in.

    Raises
    ------
    ToolchainError
        The compiler is missing or reports an error or a warning.
    """
    import solcx  # only who compiles needs it

    sources = read_sources(checkout)
    selection = [
        "abi",
        "evm.bytecode.object",
        "evm.methodIdentifiers",
        "evm.deployedBytecode.object",
        "evm.deployedBytecode.immutableReferences",
        "storageLayout",
    ]
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {**SETTINGS, "outputSelection": {"*": {"*": selection}}},
    }
    with tempfile.TemporaryDirectory() as scratch:
        compiler = _native_compiler() or _npm_compiler(checkout, Path(scratch))
        try:
            output = solcx.compile_standard(request, solc_binary=compiler)
        except solcx.exceptions.SolcError as error:
            detail = error.stderr_data or error.message
            raise ToolchainError(f"the Solidity compiler failed: {detail}") from None
    problems = [entry["formattedMessage"].strip() for entry in output.get("errors", [])]
    if problems:
        raise ToolchainError("the Solidity compiler complains:\n" + "\n".join(problems))
    digest = compute_sources_digest(sources)
    built = output["contracts"]
    return {
        name: _artifact(
            name,
            built[SOURCES[name]][name],
            _interface_of(name, built),
            digest,
        )
        for name in CONTRACTS
    }


def _interface_of(name: str, built: dict[str, Any]) -> list[Any]:
    """Return the interface of a contract, which has every function once and no other."""
    interfaces = [built[f"contracts/interfaces/{title}.sol"][title] for title in INTERFACES[name]]
    functions = list(_functions(built[SOURCES[name]][name]))
    if name in FORWARDED:
        functions += _functions(built[SOURCES[FORWARDED[name]]][FORWARDED[name]])
    if sorted(functions) != sorted(chain.from_iterable(map(_functions, interfaces))):
        raise ToolchainError(f"{' and '.join(INTERFACES[name])} is not the interface of {name}")
    return join_interfaces(interface["abi"] for interface in interfaces)


def join_interfaces(interfaces: Iterable[list[Any]]) -> list[Any]:
    """Return the entries of several interfaces, those that they have in common once."""
    joined: list[Any] = []
    for entry in chain.from_iterable(interfaces):
        if entry not in joined:
            joined.append(entry)
    return joined


def _functions(compiled: dict[str, Any]) -> dict[str, str]:
    functions: dict[str, str] = compiled["evm"]["methodIdentifiers"]
    return functions


def write_artifacts(artifacts: dict[str, Artifact], directory: Path) -> None:
    """Write each artifact as ``directory``/NAME.json, in one stable form."""
    for name, artifact in artifacts.items():
        text = json.dumps(artifact, indent=1, sort_keys=True)
        (directory / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _artifact(
    name: str, compiled: dict[str, Any], interface: list[Any], sources_digest: str
) -> Artifact:
    constructor = [entry for entry in compiled["abi"] if entry["type"] == "constructor"]
    deployed = compiled["evm"]["deployedBytecode"]
    references = [
        [place["start"], place["length"]]
        for places in deployed.get("immutableReferences", {}).values()
        for place in places
    ]
    return {
        "abi": [*constructor, *interface],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "compiler": COMPILER_VERSION,
        "contractName": name,
        "deployedBytecode": "0x" + deployed["object"],
        "immutableReferences": sorted(references),
        "sourcesDigest": sources_digest,
        "storage": [
            [entry["label"], int(entry["slot"]), entry["offset"]]
            for entry in compiled["storageLayout"]["storage"]
        ],
    }


def _native_compiler() -> Path | None:
    import solcx

    for version in solcx.get_installed_solc_versions():
        if str(version) == COMPILER_VERSION:
            return Path(solcx.install.get_executable(version))
    return None


def _npm_compiler(checkout: Path, scratch: Path) -> Path:
    package = checkout / "node_modules" / "solc" / "package.json"
    try:
        version = json.loads(package.read_text(encoding="utf-8"))["version"]
    except FileNotFoundError:
        raise ToolchainError(
            "the Solidity compiler is not installed", "run scripts/setup in the checkout"
        ) from None
    if version != COMPILER_VERSION:
        raise ToolchainError(
            f"solc {version} is installed, {COMPILER_VERSION} is pinned", "run scripts/setup again"
        )
    front = scratch / "solc"
    script = checkout / "contracts" / "solc.cjs"
    front.write_text(f'#!/bin/sh\nexec "{node_executable()}" "{script}" "$@"\n', encoding="utf-8")
    front.chmod(0o700)
    return front
