"""Records of a registry; how they become words and hashes is in records.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fl_chain.protocol.words import Address, Bytes32, Uint32, Uint40, Uint96


@dataclass(frozen=True, slots=True)
class RegistryCreated:
    """A registry was deployed."""

    INDEXED: ClassVar[int] = 1
    registrar: Address
    enrolment_bond: Uint96
    """What anybody deposits to enrol itself, in wei; 0 if nobody can."""
    leave_seconds: Uint32
    """Time between leaving and claiming a bond."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantEnrolled:
    """The registrar enrolled an address."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantRevoked:
    """The registrar revoked an address, which lost its bond if it had one."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantBonded:
    """An address enrolled itself with a bond."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """A participant ended its own enrolment."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class EnrolmentBondClaimed:
    """A former participant was paid its bond."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantRotated:
    """Another key took the place of a participant's."""

    INDEXED: ClassVar[int] = 2
    participant: Address
    successor: Address
    amount: Uint96
    """The bond that moved along: all of it, or none if the registrar sent the rotation."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class EncryptionKeySet:
    """A participant named the key with which others encrypt to it."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    key: Bytes32
    """An X25519 public key."""
    timestamp: Uint40
