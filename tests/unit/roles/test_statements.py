"""Attestations as files: read as they were written, and refused as anything else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fl_chain.errors import LocalStateError, UsageError
from fl_chain.protocol.attestation import Attestation, Signature
from fl_chain.roles.small_files import MAX_BYTES
from fl_chain.roles.statements import read_statement, write_statement

WORDS = [bytes([number]) * 32 for number in range(4)]
SIGNED = Attestation(2**32 - 1, WORDS[0], WORDS[1], Signature(WORDS[2], WORDS[3]))


def facts() -> dict[str, Any]:
    names = ("model_digest", "report_digest", "r", "vs")
    return {"round": 7, **{name: word.hex() for name, word in zip(names, WORDS, strict=True)}}


def test_an_attestation_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    write_statement(path, SIGNED)
    assert read_statement(path) == SIGNED
    assert os.listdir(tmp_path) == ["signed.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"round": -1},
        {"round": 2**32},
        {"round": True},
        {"round": "7"},
        {"r": "00" * 31},
        {"r": "00" * 33},
        {"r": " " + "00" * 31 + "0"},
        {"vs": "zz" * 32},
        {"model_digest": None},
        {"report_digest": ["00" * 32]},
    ],
    ids=str,
)
def test_a_field_of_another_kind_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "signed.json"
    path.write_text(json.dumps(facts() | change))
    with pytest.raises(UsageError, match="is no attestation"):
        read_statement(path)


@pytest.mark.parametrize("name", sorted(facts()))
def test_a_field_that_is_missing_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "signed.json"
    path.write_text(json.dumps({key: value for key, value in facts().items() if key != name}))
    with pytest.raises(UsageError, match="is no attestation"):
        read_statement(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"7", b"\xff\xfe", b"{", b"[" * 3000, b" " * (MAX_BYTES + 1)],
    ids=["nothing", "a list", "a number", "no text", "half", "depth", "size"],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signed.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no attestation"):
        read_statement(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_statement(tmp_path / "nothing.json")
    with pytest.raises(LocalStateError, match="cannot write"):
        write_statement(tmp_path / "no" / "where.json", SIGNED)
