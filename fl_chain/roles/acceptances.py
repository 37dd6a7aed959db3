"""Acceptances as files: what a new key signed, handed to whoever rotates the old one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fl_chain.errors import UsageError
from fl_chain.protocol.actions import Rotate
from fl_chain.protocol.attestation import Signature
from fl_chain.roles.account_names import read_address
from fl_chain.roles.small_files import parse_word, read_facts, write_facts


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A signed succession, and the registry that it is for."""

    registry: str
    rotation: Rotate


def read_acceptance(path: Path) -> Acceptance:
    """Read an acceptance that somebody handed over.

    Raises
    ------
    UsageError
        The file cannot be read, or is no acceptance.
    """
    refusal = UsageError(f"{path} is no acceptance", "make one with: fl-chain registry accept")
    facts = read_facts(path, refusal)
    try:
        registry, participant, successor = (
            read_address(str(facts[name])) for name in ("registry", "participant", "successor")
        )
        signature = Signature(parse_word(facts["r"]), parse_word(facts["vs"]))
    except (ValueError, KeyError, TypeError, UsageError):
        raise refusal from None
    return Acceptance(registry, Rotate(participant, successor, signature))


def write_acceptance(path: Path, acceptance: Acceptance) -> None:
    """Write an acceptance for somebody else, all or nothing.

    Raises
    ------
    LocalStateError
        The file cannot be written.
    """
    rotation = acceptance.rotation
    facts = {
        "registry": acceptance.registry,
        "participant": rotation.participant,
        "successor": rotation.successor,
        "r": rotation.acceptance.r.hex(),
        "vs": rotation.acceptance.vs.hex(),
    }
    write_facts(path, facts)
