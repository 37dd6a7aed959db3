"""What decides about an audit's findings besides the evidence: this build."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from fl_chain.chain.contracts import DISPUTES, LEDGER, REGISTRY, encode_creation
from fl_chain.protocol.digest import compute_digest

PURE_SOURCES = ("errors.py", "protocol", "aggregation", "audit")
"""The code that findings follow from."""


def compute_build_digest() -> bytes:
    """Return the 32-byte digest of the pure core's sources and the contracts' creation codes."""
    package = files("fl_chain")
    parts = [encode_creation(name) for name in (LEDGER, REGISTRY, DISPUTES)]
    for name in PURE_SOURCES:
        for path, content in _read_sources(package / name, name):
            parts += [path.encode(), content]
    return compute_digest(b"".join(len(part).to_bytes(8) + part for part in parts))


def _read_sources(entry: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    if entry.is_dir():
        for inner in sorted(entry.iterdir(), key=lambda found: found.name):
            yield from _read_sources(inner, f"{path}/{inner.name}")
    elif path.endswith(".py"):
        yield path, entry.read_bytes()
