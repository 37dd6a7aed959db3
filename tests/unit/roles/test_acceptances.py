"""Acceptances as files: read as they were written, and refused as anything else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fl_chain.errors import LocalStateError, UsageError
from fl_chain.protocol.actions import Rotate
from fl_chain.protocol.attestation import Signature
from fl_chain.roles.acceptances import Acceptance, read_acceptance, write_acceptance
from fl_chain.roles.small_files import MAX_BYTES

ADDRESSES = ["0x" + f"{number:02x}" * 20 for number in (10, 11, 12)]
SIGNED = Acceptance(ADDRESSES[0], Rotate(*ADDRESSES[1:], Signature(b"\1" * 32, b"\2" * 32)))


def facts() -> dict[str, Any]:
    names = ("registry", "participant", "successor")
    words = {"r": "01" * 32, "vs": "02" * 32}
    return {**dict(zip(names, ADDRESSES, strict=True)), **words}


def test_an_acceptance_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "acceptance.json"
    write_acceptance(path, SIGNED)
    assert read_acceptance(path) == SIGNED
    assert json.loads(path.read_text()) == facts()
    assert os.listdir(tmp_path) == ["acceptance.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"registry": "0x12"},
        {"participant": None},
        {"successor": 5},
        {"r": "00" * 31},
        {"vs": "00" * 33},
        {"vs": "zz" * 32},
        {"r": 7},
        {"note": "n" * MAX_BYTES},
    ],
)
def test_anything_else_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "acceptance.json"
    path.write_text(json.dumps(facts() | change))
    with pytest.raises(UsageError, match="no acceptance"):
        read_acceptance(path)


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 4000])
def test_what_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acceptance.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="no acceptance"):
        read_acceptance(path)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_acceptance(tmp_path / "missing.json")
    with pytest.raises(LocalStateError, match="cannot write"):
        write_acceptance(tmp_path / "missing" / "acceptance.json", SIGNED)
