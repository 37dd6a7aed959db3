"""Acceptances as files: what a new key signed, handed to whoever rotates the old one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from fl_chain.errors import LocalStateError, UsageError
from fl_chain.protocol.actions import Rotate
from fl_chain.protocol.attestation import Signature
from fl_chain.roles.account_names import read_address

MAX_BYTES = 4096


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
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(data)
        facts = json.loads(data)
        registry, participant, successor = (
            read_address(str(facts[name])) for name in ("registry", "participant", "successor")
        )
        signature = Signature(_word(facts["r"]), _word(facts["vs"]))
    except (ValueError, KeyError, TypeError, RecursionError, UsageError):
        raise UsageError(
            f"{path} is no acceptance", "make one with: fl-chain registry accept"
        ) from None
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
