"""The names that fl_chain promises: a change here is a change to its users."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fl_chain

PUBLIC_NAMES = [
    "AggregatorRole",
    "Cid",
    "ContentStore",
    "EthereumLedger",
    "Finding",
    "FlChainError",
    "IpfsStore",
    "Ledger",
    "LocalSgd",
    "Manifest",
    "MemoryLedger",
    "MemoryStore",
    "ParticipantRole",
    "Phase",
    "RoundAggregation",
    "Task",
    "Trainer",
    "Verdict",
    "audit_task",
    "compute_digest",
    "decode_blob",
    "encode_blob",
    "run_audit",
]


def test_the_public_surface_is_pinned_sorted_and_small() -> None:
    assert fl_chain.__all__ == PUBLIC_NAMES == sorted(PUBLIC_NAMES)
    assert len(PUBLIC_NAMES) <= 25


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(fl_chain, name)
    assert value.__name__ == name
    assert value.__doc__
    assert name in dir(fl_chain)


def test_what_is_loaded_is_what_type_checkers_see() -> None:
    """The lazy names come from the modules that the TYPE_CHECKING imports name."""
    tree = ast.parse(Path(fl_chain.__file__).read_text(encoding="utf-8"))
    declared = {
        alias.name: str(node.module).removeprefix("fl_chain.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("fl_chain.")
        for alias in node.names
    }
    assert declared == fl_chain._HOMES
    assert sorted(declared) == PUBLIC_NAMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = fl_chain.nonsense


def test_importing_the_package_loads_no_heavy_library() -> None:
    script = (
        "import sys, fl_chain; fl_chain.compute_digest(b'');"
        "heavy = {'torch', 'web3', 'numpy', 'requests', 'ipfshttpclient'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
