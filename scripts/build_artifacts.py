#!/usr/bin/env python3
"""Compile contracts/ into fl_chain/chain/artifacts; with --check, compare instead."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fl_chain.chain.compiler import compile_contracts, write_artifacts  # noqa: E402

ARTIFACTS = ROOT / "fl_chain" / "chain" / "artifacts"


def main() -> int:
    """Write or compare every artifact; return 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on differences")
    is_check = parser.parse_args().check
    artifacts = compile_contracts(ROOT)
    if not is_check:
        write_artifacts(artifacts, ARTIFACTS)
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


if __name__ == "__main__":
    sys.exit(main())
