"""What people do in a registry: enrol, leave, change keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fl_chain.chain.encryption_keys import (
    create_encryption_key,
    read_public_key,
    retire_encryption_key,
)
from fl_chain.chain.ether import format_ether
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.errors import KeyFileError, MalformedBlob, UsageError
from fl_chain.protocol.actions import (
    ClaimBond,
    Enrol,
    EnrolWithBond,
    LeaveRegistry,
    Revoke,
    Rotate,
    SetEncryptionKey,
)
from fl_chain.protocol.encryption import check_public_key, name_key
from fl_chain.protocol.registry import Registry
from fl_chain.roles.acceptances import Acceptance, read_acceptance, write_acceptance
from fl_chain.roles.progress import Progress
from fl_chain.storage.store import ContentStore


def list_participants(state: Registry) -> Iterator[dict[str, Any]]:
    """Yield a row per address that was ever enrolled, in the order of enrolment."""
    for address, entry in state.enrolments.items():
        key = state.encryption_keys.get(address)
        yield {
            "address": address,
            "is_enrolled": entry.is_enrolled,
            "enrolled_at": entry.enrolled_at,
            "ended_at": entry.revoked_at or None,
            "bond_wei": entry.bond,
            "successor": state.successors.get(address),
            "encryption_key": key.hex() if key else None,
        }


def enrol(registry: EthereumRegistry, participants: tuple[str, ...], progress: Progress) -> None:
    """Enrol addresses as the registrar, all or none.

    Raises
    ------
    TransactionRejected
        NotRegistrar, ZeroAddress or AlreadyEnrolled.
    """
    receipt = registry.send(Enrol(participants))
    progress("enrolled", {"participants": len(participants), "gas": receipt.gas_used})


def revoke(registry: EthereumRegistry, participants: tuple[str, ...], progress: Progress) -> None:
    """Revoke addresses for good as the registrar, all or none.

    Raises
    ------
    TransactionRejected
        NotRegistrar or NotEnrolled.
    """
    receipt = registry.send(Revoke(participants))
    progress("revoked", {"participants": len(participants), "gas": receipt.gas_used})


def enrol_with_bond(registry: EthereumRegistry, progress: Progress) -> None:
    """Enrol the sender with the bond that the registry asks for.

    Raises
    ------
    UsageError
        The registry has no enrolment bond.
    TransactionRejected
        AlreadyEnrolled.
    """
    wei = registry.replay().enrolment_bond
    if wei == 0:
        raise UsageError(
            f"the registry {registry.address} has no enrolment bond",
            "ask the registrar for: fl-chain registry enrol",
        )
    receipt = registry.send(EnrolWithBond(wei))
    progress("bonded", {"bond": format_ether(wei), "gas": receipt.gas_used})


def leave(registry: EthereumRegistry, progress: Progress) -> None:
    """End the sender's enrolment for good, and say from when its bond can be claimed."""
    receipt = registry.send(LeaveRegistry())
    state = registry.replay()
    bond = state.enrolment(registry.sender).bond
    values = {"bond": format_ether(bond), "claimable_at": state.claimable_at(registry.sender)}
    progress("left", {**values, "gas": receipt.gas_used})


def claim_bond(registry: EthereumRegistry, progress: Progress) -> None:
    """Have the sender paid its bond.

    Raises
    ------
    TransactionRejected
        NothingToPay, or BondLocked until leave_seconds after the end of its enrolment.
    """
    wei = registry.replay().enrolment(registry.sender).bond
    receipt = registry.send(ClaimBond())
    progress("claimed", {"wei": wei, "ether": format_ether(wei), "gas": receipt.gas_used})


def accept_succession(
    registry: EthereumRegistry, participant: str, path: Path, progress: Progress
) -> None:
    """Write the sender's acceptance to take a participant's place, for whoever rotates the key."""
    rotation = Rotate(participant, registry.sender, registry.accept(participant))
    write_acceptance(path, Acceptance(registry.address, rotation))
    facts = {"participant": participant, "successor": registry.sender, "file": str(path)}
    progress("accepted", facts)


def rotate_key(registry: EthereumRegistry, path: Path, progress: Progress) -> None:
    """Put the key that signed an acceptance in the place of the participant's.

    Raises
    ------
    UsageError
        The acceptance is for another registry.
    TransactionRejected
        NotParticipant, NotEnrolled, AlreadyEnrolled or NotAccepted.
    """
    acceptance = read_acceptance(path)
    if acceptance.registry != registry.address:
        raise UsageError(
            f"{path} is for the registry {acceptance.registry}, not {registry.address}",
            "check --registry and --task, or let the new key accept anew",
        )
    rotation = acceptance.rotation
    receipt = registry.send(rotation)
    facts = {"participant": rotation.participant, "successor": rotation.successor}
    progress("rotated", {**facts, "gas": receipt.gas_used})


def set_encryption_key(
    registry: EthereumRegistry, store: ContentStore, public_key: bytes, progress: Progress
) -> None:
    """Pin the key with which others encrypt to the sender, and name it.

    Raises
    ------
    KeyFileError
        Nothing can be encrypted to it.
    """
    try:
        check_public_key(public_key)
    except MalformedBlob as error:
        raise KeyFileError(error.message, "make a key pair anew") from None
    cid, name = store.put(public_key), name_key(public_key)
    receipt = registry.send(SetEncryptionKey(name))
    facts = {"key": name.hex(), "cid": str(cid), "gas": receipt.gas_used}
    progress("encryption_key_set", facts)


def read_public_key_of(path: Path) -> bytes:
    """Return the public key of a key pair's file; see `make_encryption_key`."""
    return read_public_key(path)


def make_encryption_key(
    path: Path, password: str, *, is_new: bool = False, is_generated: bool = False
) -> bytes:
    """Return the public key of a file, 1,216 bytes; made anew if there is none, or if told to."""
    if path.exists():
        if not is_new:
            return read_public_key(path)
        retire_encryption_key(path)
    return create_encryption_key(path, password, is_generated=is_generated)
