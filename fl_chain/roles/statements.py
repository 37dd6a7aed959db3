"""Attestations as files: what an aggregator signed, handed from one party to another."""

from __future__ import annotations

from pathlib import Path

from fl_chain.errors import UsageError
from fl_chain.protocol.attestation import Attestation, Signature
from fl_chain.roles.small_files import parse_word, read_facts, write_facts

_WORDS = ("model_digest", "report_digest", "r", "vs")


def read_statement(path: Path) -> Attestation:
    """Read an attestation that somebody handed over.

    Raises
    ------
    UsageError
        The file cannot be read, or is no attestation.
    """
    fields = ", ".join(("round", *_WORDS))
    refusal = UsageError(f"{path} is no attestation", f"a JSON object with {fields}")
    facts = read_facts(path, refusal)
    try:
        number = facts["round"]
        if type(number) is not int or not 0 <= number < 2**32:
            raise ValueError(number)
        model, report, r, vs = (parse_word(facts[name]) for name in _WORDS)
    except (ValueError, KeyError, TypeError):
        raise refusal from None
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
    write_facts(path, facts)
