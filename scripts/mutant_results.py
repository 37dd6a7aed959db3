"""What became of the mutants in earlier runs, as long as it still holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from fl_chain.chain.compiler import read_sources
from scripts.measure_conditions import ROOT
from scripts.mutant_sources import Mutant
from scripts.mutant_tests import TESTS


@dataclass(frozen=True)
class Result:
    """What became of a mutant: killed by a test, or not."""

    killer: str | None
    """Test contract and test; ``None`` if it survived."""
    source: str | None
    """Source of that test contract."""


class Results:
    """What earlier runs found out, in a file that each result is appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Result] = {}
        self._digests: dict[str | None, str] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                if entry["digest"] == self._digest(entry["source"]):
                    self._known[entry["mutant"]] = Result(entry["killer"], entry["source"])

    def get(self, mutant: Mutant) -> Result | None:
        """Return the result of a mutant, if there is one that still holds."""
        return self._known.get(mutant.key)

    def add(self, mutant: Mutant, result: Result, *, is_lasting: bool) -> None:
        """Keep a result, for later runs as well if it is lasting."""
        self._known[mutant.key] = result
        if not is_lasting:
            return
        entry = {
            "mutant": mutant.key,
            "killer": result.killer,
            "source": result.source,
            "digest": self._digest(result.source),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _digest(self, source: str | None) -> str:
        if source not in self._digests:
            known = source is None or (ROOT / source).exists()
            self._digests[source] = digest_sources(killer=source) if known else ""
        return self._digests[source]


def digest_sources(*, killer: str | None = None) -> str:
    """Hash all that the fate of a mutant depends on.

    Parameters
    ----------
    killer : str, optional
        Source of the test contract that killed it: with that one the others do not matter.
    """
    digest = hashlib.sha256()
    paths = [ROOT / name for name in read_sources(ROOT)]
    for path in sorted(TESTS.rglob("*.sol")):
        name = path.relative_to(ROOT).as_posix()
        if killer is None or name == killer or not name.endswith(".t.sol"):
            paths.append(path)
    if killer is None:
        paths += [ROOT / "hardhat.config.js"]
    for path in paths:
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
