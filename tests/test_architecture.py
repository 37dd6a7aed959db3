"""Who may import whom, what no module may do, and how large it may grow.

The layers are those of docs/layout.md; this walks every import of every module, also those inside
functions and under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fl_chain"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

PURE_LAYERS = ("errors", "protocol", "privacy", "aggregation", "audit")
"""Each may import itself and those before it."""
EDGES = ("training", "storage", "chain", "relay", "index")
LABORATORY = "lab"
"""Experiments: training and aggregation without chain and IPFS; only faces use it."""
FACES = ("cli", "web")
HELPERS = (
    *("cache", "interrupts", "npm", "process", "process_pool", "pypi"),
    *("remote_access", "whole_file"),
)
"""Modules about this machine, which only edges and roles use."""

PURE_LIBRARIES = {
    *("__future__", "base64", "binascii", "collections", "dataclasses", "decimal", "enum"),
    *("fnmatch", "fractions"),
    *("functools", "hashlib", "itertools", "json", "math", "re", "struct", "typing"),
    *("numpy", "cryptography", "eth_hash", "eth_keys", "eth_utils", "rlp", "trie"),
}
FORBIDDEN_LIBRARIES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
MAX_LINES = 600
MAX_CONTRACT_LINES = 450


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """Return the part after fl_chain, empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            if node.module == "fl_chain" or is_package(node.module):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def is_package(module: str) -> bool:
    return (ROOT / Path(*module.split(".")) / "__init__.py").exists()


def own_imports(path: Path) -> set[str]:
    """Return the layers of fl_chain that a module imports."""
    found = {name for name in imports_of(path) if name.split(".")[0] == "fl_chain"}
    return {layer_of(name) for name in found if not name.endswith("__version__")}


def modules_in(*layers: str) -> list[Path]:
    return [path for path in MODULES if layer_of(name_of(path)) in layers]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules_in(*PURE_LAYERS), ids=relative)
def test_pure_code_imports_only_what_comes_before_it(path: Path) -> None:
    layer = layer_of(name_of(path))
    allowed = set(PURE_LAYERS[: PURE_LAYERS.index(layer) + 1])
    assert own_imports(path) <= allowed
    foreign = {name.split(".")[0] for name in imports_of(path)} - {"fl_chain"}
    assert foreign <= PURE_LIBRARIES


@pytest.mark.parametrize("path", modules_in(*PURE_LAYERS), ids=relative)
def test_pure_code_has_no_clock_no_chance_and_no_files(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "utcnow", "default_rng", "urandom"), ast.dump(node)
            assert not (node.attr == "random" and isinstance(node.value, ast.Name)), path
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input"), path


@pytest.mark.parametrize("path", modules_in(*EDGES), ids=relative)
def test_an_edge_imports_the_protocol_and_no_other_edge(path: Path) -> None:
    layer = layer_of(name_of(path))
    assert own_imports(path) <= {layer, "protocol", "errors", *HELPERS}


@pytest.mark.parametrize("path", modules_in("roles"), ids=relative)
def test_roles_import_no_face(path: Path) -> None:
    assert not own_imports(path) & set(FACES)


@pytest.mark.parametrize("path", modules_in(*FACES), ids=relative)
def test_a_face_imports_roles_and_what_they_speak_of(path: Path) -> None:
    layer = layer_of(name_of(path))
    # The command line starts the pages, and never the other way round; Ctrl-C ends it; it puts
    # what they show into files; the configuration names what opens remote endpoints.
    others = {"web", "interrupts", "remote_access", "whole_file"} if layer == "cli" else set()
    spoken_of = {"roles", LABORATORY, "protocol", "audit", "errors"}
    assert own_imports(path) <= {layer, *others, *spoken_of}


@pytest.mark.parametrize("path", modules_in(LABORATORY), ids=relative)
def test_the_laboratory_knows_neither_chain_nor_storage(path: Path) -> None:
    allowed = {LABORATORY, "training", "aggregation", "privacy", "protocol", "errors", *HELPERS}
    assert own_imports(path) <= allowed


@pytest.mark.parametrize("path", modules_in(*HELPERS), ids=relative)
def test_a_helper_imports_errors_only(path: Path) -> None:
    assert own_imports(path) <= {"errors", *HELPERS}


def test_every_module_belongs_to_a_layer() -> None:
    layers = {layer_of(name_of(path)) for path in MODULES}
    assert layers <= {"", *PURE_LAYERS, *EDGES, "roles", LABORATORY, *FACES, *HELPERS}


def test_no_module_is_named_for_having_no_place() -> None:
    for path in MODULES:
        assert not {"utils", "util", "common", "helpers", "misc"} & set(path.with_suffix("").parts)


def test_every_module_says_what_it_is() -> None:
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_runs_what_it_is_given(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not {name.split(".")[0] for name in imports_of(path)} & FORBIDDEN_LIBRARIES
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            text = ast.unparse(node.func)
            assert text not in ("eval", "exec", "compile", "torch.load", "os.system", "os.popen")
            assert not any(
                keyword.arg == "shell" and ast.unparse(keyword.value) != "False"
                for keyword in node.keywords
            )


def source_files() -> list[Path]:
    folders = ("fl_chain", "scripts", "benchmarks", "contracts", "ipfs")
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".sol", ".mjs", ".cjs", ".js")
        and "node_modules" not in path.parts
    ]


def test_no_file_is_too_long_to_read() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    too_long = {relative(path): n for path, n in lengths.items() if n > MAX_LINES}
    assert not too_long
    contracts = {relative(p): n for p, n in lengths.items() if p.parent == ROOT / "contracts"}
    assert contracts
    assert max(contracts.values()) < MAX_CONTRACT_LINES


BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Block())
import {module}
"""


def imports_without(module: str, *blocked: str) -> None:
    script = BLOCKED.format(blocked=set(blocked), module=module)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_auditor_runs_without_torch() -> None:
    imports_without("fl_chain.roles.auditor, fl_chain.storage.ipfs, fl_chain.cli.audit", "torch")


def test_pure_code_runs_without_any_edges_library() -> None:
    edges = ("torch", "web3", "requests", "ipfshttpclient", "eth_account", "psutil", "click")
    imports_without("fl_chain.audit.audit, fl_chain.aggregation.fixed_point", *edges)


def test_the_help_of_the_command_needs_no_edges_library() -> None:
    imports_without("fl_chain.cli.main", "torch", "web3", "requests", "ipfshttpclient", "sklearn")
