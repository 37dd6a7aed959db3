from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fl_chain.errors import DevnetError, LocalStateError, ToolchainError
from fl_chain.npm import ensure_packages, node_executable, stage_sources
from fl_chain.storage import embedded_node
from fl_chain.storage.embedded_node import source_directory, start_node


def test_the_sources_are_found_in_a_checkout() -> None:
    assert (source_directory() / "package.json").is_file()


def test_the_sources_are_found_in_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fl_chain" / "storage"
    (package / "embedded").mkdir(parents=True)
    (package / "embedded" / "node.mjs").touch()
    monkeypatch.setattr(embedded_node, "__file__", str(package / "embedded_node.py"))
    assert source_directory() == package / "embedded"


def test_missing_sources_are_a_tool_chain_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_node, "__file__", str(tmp_path / "a" / "b" / "module.py"))
    with pytest.raises(ToolchainError, match="missing"):
        source_directory()


def test_a_detached_node_outlives_the_program_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, json; from pathlib import Path\n"
        "from fl_chain.storage.embedded_node import start_node\n"
        "directory = Path(sys.argv[1])\n"
        "node = start_node(directory / 'repo', log_path=directory / 'log', detached=True)\n"
        "print(json.dumps(node.pid))\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    node = psutil.Process(json.loads(started.stdout))
    try:
        assert os.getsid(node.pid) != os.getsid(0)  # Ctrl-C does not reach it
    finally:
        node.terminate()
        node.wait(30)


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    node = start_node(tmp_path / "repo", log_path=tmp_path / "log", detached=False)
    node.stop()
    node.stop()
    assert node.process.returncode == 0


def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "identity.key").write_bytes(b"damaged")
    with pytest.raises(DevnetError, match=r"exit code 74: .*identity\.key is damaged"):
        start_node(tmp_path / "repo", log_path=tmp_path / "log", detached=False)


def test_an_unwritable_log_is_a_problem_of_local_state(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalStateError):
        start_node(tmp_path / "repo", log_path=tmp_path / "file" / "log", detached=False)


def test_the_node_explains_its_options() -> None:
    packages = ensure_packages(source_directory(), "ipfs-node")
    script = stage_sources(source_directory(), packages) / "node.mjs"
    usage = subprocess.run(
        [node_executable(), script, "--help"], capture_output=True, text=True, check=True
    )
    assert "--repo DIR" in usage.stdout
