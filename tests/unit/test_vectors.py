"""The golden vectors are what their generator writes, and nothing else."""

from __future__ import annotations

import subprocess
import sys

from scripts.make_vectors import MAKERS, VECTORS
from tests.golden import CHECKOUT

MADE_ELSEWHERE = {"byzfl", "cid"}


def test_every_vector_file_is_what_the_generator_writes() -> None:
    finished = subprocess.run(
        [sys.executable, CHECKOUT / "scripts" / "make_vectors.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_no_vector_file_is_without_a_generator_or_a_description() -> None:
    files = {
        path.relative_to(VECTORS).as_posix()
        for path in VECTORS.rglob("*.json")
        if path.parent.name not in MADE_ELSEWHERE
    }
    assert files == set(MAKERS)
    described = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in described for name in files)


def test_the_generator_owes_nothing_to_the_code_it_judges() -> None:
    program = (
        "import sys; import scripts.make_vectors;"
        "print([name for name in sys.modules if name.split('.')[0] == 'fl_chain'])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert finished.stdout == "[]\n"
