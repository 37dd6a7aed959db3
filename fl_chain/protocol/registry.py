"""The registry: who may take part, since when, until when, and under which key.

``Registry.apply`` accepts a record exactly when the contract would have emitted it. A participant
may change its key; the keys of one participant, each the successor of the one before, are its
*line*.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.protocol.committee import NOBODY, refuse
from fl_chain.protocol.records import RegistryRecord
from fl_chain.protocol.registry_records import (
    EncryptionKeySet,
    EnrolmentBondClaimed,
    ParticipantBonded,
    ParticipantEnrolled,
    ParticipantLeft,
    ParticipantRevoked,
    ParticipantRotated,
    RegistryCreated,
)


@dataclass(slots=True)
class Enrolment:
    """One address's standing; the fields are those of the contract."""

    enrolled_at: int = 0
    """Block time in seconds; 0 if it never was."""
    revoked_at: int = 0
    """Block time of the end of the enrolment; 0 if there was none."""
    bond: int = 0
    """In wei."""

    @property
    def is_enrolled(self) -> bool:
        """Whether the address may be admitted to tasks."""
        return self.enrolled_at != 0 and self.revoked_at == 0


class Registry:
    """The state of one registry after some records; mutable, and a function of them alone.

    Parameters
    ----------
    created
        The first record of every registry.
    """

    def __init__(self, created: RegistryCreated) -> None:
        self.registrar = created.registrar
        self.enrolment_bond = created.enrolment_bond
        self.leave_seconds = created.leave_seconds
        self.enrolments: dict[str, Enrolment] = {}
        self.successors: dict[str, str] = {}
        self.predecessors: dict[str, str] = {}
        self.encryption_keys: dict[str, bytes] = {}
        self.last_timestamp = created.timestamp

    def enrolment(self, address: str) -> Enrolment:
        """Return an address's standing; that of a stranger is all zeros."""
        return self.enrolments.get(address, Enrolment())

    def is_enrolled(self, address: str) -> bool:
        """Return whether an address may be admitted to tasks."""
        return self.enrolment(address).is_enrolled

    def origin(self, address: str) -> str:
        """Return the first key of an address's line: itself, unless it took another one's place."""
        while address in self.predecessors:
            address = self.predecessors[address]
        return address

    def claimable_at(self, address: str) -> int:
        """Return from when the bond of a former participant can be claimed."""
        return self.enrolment(address).revoked_at + self.leave_seconds

    def apply(self, record: RegistryRecord) -> None:
        """Advance by one record.

        Raises
        ------
        InvalidTransition
            The contract could not have emitted this record in this state; ``error`` names its
            custom error where there is one.
        """
        now = record.timestamp
        if now < self.last_timestamp:
            refuse("TimeReversed", f"{type(record).__name__} is older than the record before it")
        match record:
            case ParticipantEnrolled(participant=participant):
                self._enrol(participant, now, 0)
            case ParticipantBonded():
                self.check_deposit(record.amount)
                self._enrol(record.participant, now, record.amount)
            case ParticipantRevoked(participant=participant):
                self._revoke(participant, now)
            case ParticipantLeft(participant=participant):
                self.check_enrolled(participant)
                self.enrolments[participant].revoked_at = now
            case EnrolmentBondClaimed():
                self.check_claim(record.participant, now)
                if record.amount != self.enrolments[record.participant].bond:
                    refuse("UnexpectedAmount", f"{record.participant} has another bond")
                self.enrolments[record.participant].bond = 0
            case ParticipantRotated():
                self._rotate(record)
            case EncryptionKeySet():
                self.check_enrolled(record.participant)
                if not any(record.key):
                    refuse("ZeroKey", f"the encryption key of {record.participant} is zero")
                self.encryption_keys[record.participant] = record.key
            case RegistryCreated():
                refuse("CreatedTwice", "a registry is created once")
        self.last_timestamp = now

    def check_enrolled(self, address: str) -> None:
        """Check that an address is enrolled.

        Raises
        ------
        InvalidTransition
            NotEnrolled.
        """
        if not self.is_enrolled(address):
            refuse("NotEnrolled", f"{address} is not enrolled")

    def check_deposit(self, wei: int) -> None:
        """Check what somebody deposits to enrol itself.

        Raises
        ------
        InvalidTransition
            EnrolmentClosed or UnexpectedDeposit.
        """
        if self.enrolment_bond == 0:
            refuse("EnrolmentClosed", "only the registrar enrols here")
        if wei != self.enrolment_bond:
            refuse("UnexpectedDeposit", f"the bond is {self.enrolment_bond} wei, not {wei}")

    def check_claim(self, address: str, now: int) -> None:
        """Check that an address can claim its bond at block time ``now``.

        Raises
        ------
        InvalidTransition
            NothingToPay or BondLocked.
        """
        if self.enrolment(address).bond == 0:
            refuse("NothingToPay", f"{address} has no bond")
        if self.is_enrolled(address) or now < self.claimable_at(address):
            refuse("BondLocked", f"the bond of {address} is locked")

    def check_new(self, address: str) -> None:
        """Check that an address may be enrolled.

        Raises
        ------
        InvalidTransition
            ZeroAddress or AlreadyEnrolled.
        """
        if address == NOBODY:
            refuse("ZeroAddress", "the zero address is nobody's")
        if address in self.enrolments:
            refuse("AlreadyEnrolled", f"{address} is enrolled, or was")

    def _enrol(self, address: str, now: int, bond: int) -> None:
        self.check_new(address)
        self.enrolments[address] = Enrolment(now, 0, bond)

    def _revoke(self, address: str, now: int) -> None:
        entry = self.enrolment(address)
        is_locked = entry.bond != 0 and now < self.claimable_at(address)
        if not entry.is_enrolled and not is_locked:
            refuse("NotEnrolled", f"{address} is not enrolled")
        entry.revoked_at = entry.revoked_at or now
        entry.bond = 0

    def _rotate(self, record: ParticipantRotated) -> None:
        participant, successor = record.participant, record.successor
        self.check_enrolled(participant)
        self.check_new(successor)
        entry = self.enrolments[participant]
        if record.amount not in (0, entry.bond):
            refuse("UnexpectedAmount", f"{participant} has a bond of {entry.bond} wei")
        entry.bond -= record.amount
        entry.revoked_at = record.timestamp
        self.enrolments[successor] = Enrolment(record.timestamp, 0, record.amount)
        self.successors[participant] = successor
        self.predecessors[successor] = participant
