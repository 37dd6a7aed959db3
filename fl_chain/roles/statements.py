"""Attestations as files: what an aggregator signed, handed from one party to another."""

from __future__ import annotations

import json
from pathlib import Path

from fl_chain.errors import LocalStateError, UsageError
from fl_chain.protocol.attestation import Attestation, Signature

MAX_BYTES = 4096
_WORDS = ("model_digest", "report_digest", "r", "vs")


def read_statement(path: Path) -> Attestation:
    """Read an attestation that somebody handed over.

    Raises
    ------
    UsageError
        The file cannot be read, or is no attestation.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(data)
        facts = json.loads(data)
        number = facts["round"]
        if type(number) is not int or not 0 <= number < 2**32:
            raise ValueError(number)
        model, report, r, vs = (_word(facts[name]) for name in _WORDS)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(
            f"{path} is no attestation",
            "a JSON object with round, model_digest, report_digest, r and vs",
        ) from None
    return Attestation(number, model, report, Signature(r, vs))


def write_statement(path: Path, attestation: Attestation) -> None:
    """Write an attestation for somebody else, all or nothing.

    Raises
    ------
    LocalStateError
        The file cannot be written.
    """
    facts = {
        "round": attestation.round,
        "model_digest": attestation.model_digest.hex(),
        "report_digest": attestation.report_digest.hex(),
        "r": attestation.signature.r.hex(),
        "vs": attestation.signature.vs.hex(),
    }
    unfinished = path.with_suffix(".part")
    try:
        unfinished.write_text(json.dumps(facts, indent=1) + "\n", encoding="ascii")
        unfinished.replace(path)
    except OSError as error:
        raise LocalStateError(f"cannot write {path}: {error.strerror}") from None


def _word(text: str) -> bytes:
    data = bytes.fromhex(text)
    if len(data) != 32 or len(text) != 64:
        raise ValueError(text)
    return data
