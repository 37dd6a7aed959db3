#!/usr/bin/env python3
"""Compile contracts/ into fl_chain/chain/artifacts, and name the builds in docs/spec.md, 9.2.

With --check, compare the artifacts instead; a test compares the specification.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fl_chain.chain.compiler import Artifact, compile_contracts, write_artifacts  # noqa: E402
from fl_chain.protocol.digest import compute_digest  # noqa: E402

SPECIFICATION = ROOT / "docs" / "spec.md"
ARTIFACTS = ROOT / "fl_chain" / "chain" / "artifacts"


def main() -> int:
    """Write or compare every artifact; return 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on differences")
    is_check = parser.parse_args().check
    artifacts = compile_contracts(ROOT)
    if not is_check:
        write_artifacts(artifacts, ARTIFACTS)
        specification = SPECIFICATION.read_text(encoding="utf-8")
        for name, artifact in artifacts.items():
            specification = name_build(specification, name, artifact)
        SPECIFICATION.write_text(specification, encoding="utf-8")
        return 0
    with tempfile.TemporaryDirectory() as fresh:
        write_artifacts(artifacts, Path(fresh))
        stale = [
            path.name
            for path in sorted(Path(fresh).iterdir())
            if not (ARTIFACTS / path.name).exists()
            or path.read_bytes() != (ARTIFACTS / path.name).read_bytes()
        ]
    for name in stale:
        print(f"{name} is not what contracts/ compiles to: run scripts/build_artifacts.py")
    return 1 if stale else 0


def name_build(specification: str, name: str, artifact: Artifact) -> str:
    """Return the specification with a contract's row of the table and its list of immutables."""
    creation = bytes.fromhex(artifact["bytecode"][2:])
    runtime = bytearray.fromhex(artifact["deployedBytecode"][2:])
    for start, length in artifact["immutableReferences"]:
        runtime[start : start + length] = bytes(length)
    row = (
        f"| `{name}` | {len(creation)} | `{compute_digest(creation).hex()}` "
        f"| {len(runtime)} | `{compute_digest(bytes(runtime)).hex()}` |"
    )
    offsets = ", ".join(str(start) for start, _ in artifact["immutableReferences"])
    listed = textwrap.fill(f"- `{name}`: {offsets}", 110, subsequent_indent="  ")
    specification = re.sub(rf"^\| `{name}` \| \d+ .*$", row, specification, flags=re.MULTILINE)
    return re.sub(rf"^- `{name}`: [\d,\s]+\d$", listed, specification, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
