"""A registry without a chain node: the contract's rules from protocol/registry.

It accepts and refuses what ParticipantRegistry.sol does, with the same custom errors in the same
order, and emits the same records.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy

from fl_chain.errors import InvalidTransition, TransactionRejected
from fl_chain.protocol.actions import (
    ClaimBond,
    Enrol,
    EnrolWithBond,
    LeaveRegistry,
    RegistryAction,
    Revoke,
    Rotate,
    SetEncryptionKey,
)
from fl_chain.protocol.attestation import compute_signing_hash, compute_succession
from fl_chain.protocol.committee import refuse
from fl_chain.protocol.logs import append_history, compute_history_start
from fl_chain.protocol.records import RegistryRecord
from fl_chain.protocol.registry import Registry
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
from fl_chain.protocol.signers import recover_signer

CHAIN_ID = 31337
ADDRESS = "0x" + "ee" * 20


class MemoryRegistry:
    """One registry's contract, and a clock.

    Parameters
    ----------
    registrar
        Address that creates the registry.
    enrolment_bond
        What anybody deposits to enrol itself, in wei; 0 if nobody can.
    leave_seconds
        Time between leaving and claiming a bond.
    clock
        Block time in seconds since the epoch.
    chain_id, address
        What acceptances of successors are signed for.
    """

    def __init__(
        self,
        registrar: str,
        enrolment_bond: int = 0,
        leave_seconds: int = 0,
        clock: Callable[[], float] = time.time,
        *,
        chain_id: int = CHAIN_ID,
        address: str = ADDRESS,
    ) -> None:
        self.chain_id = chain_id
        self.address = address
        self._clock = clock
        created = RegistryCreated(registrar, enrolment_bond, leave_seconds, self.now)
        self.state = Registry(created)
        self.records: list[RegistryRecord] = [created]
        start = compute_history_start(chain_id, address)
        self.history_hash = append_history(start, created)

    @property
    def now(self) -> int:
        """Time of a block that is made now, in seconds."""
        return int(self._clock())

    def carry_out(self, sender: str, action: RegistryAction) -> list[RegistryRecord]:
        """Carry out a transaction and return what it emits.

        Raises
        ------
        TransactionRejected
            With the contract's custom error.
        """
        # An action on several addresses is carried out whole or not at all.
        trial, records = deepcopy(self.state), list[RegistryRecord]()
        try:
            for record in self._records_of(sender, action, self.now):
                trial.apply(record)
                records.append(record)
        except InvalidTransition as error:
            raise TransactionRejected(
                f"the contract refused: {error.message}", error=error.error
            ) from None
        self.state = trial
        for record in records:
            self.records.append(record)
            self.history_hash = append_history(self.history_hash, record)
        return records

    def _records_of(self, sender: str, action: RegistryAction, now: int) -> list[RegistryRecord]:
        """Return what an action emits, if the state allows it."""
        state = self.state
        match action:
            case Enrol(participants=participants):
                self._require_registrar(sender)
                return [ParticipantEnrolled(participant, now) for participant in participants]
            case Revoke(participants=participants):
                self._require_registrar(sender)
                return [ParticipantRevoked(participant, now) for participant in participants]
            case EnrolWithBond(wei=wei):
                return [ParticipantBonded(sender, wei, now)]
            case LeaveRegistry():
                return [ParticipantLeft(sender, now)]
            case ClaimBond():
                return [EnrolmentBondClaimed(sender, state.enrolment(sender).bond, now)]
            case Rotate():
                return [self._rotate(sender, action, now)]
            case SetEncryptionKey(key=key):
                return [EncryptionKeySet(sender, key, now)]

    def _rotate(self, sender: str, action: Rotate, now: int) -> ParticipantRotated:
        participant, successor = action.participant, action.successor
        if sender not in (participant, self.state.registrar):
            refuse("NotParticipant", f"{sender} is neither {participant} nor the registrar")
        self.state.check_enrolled(participant)
        self.state.check_new(successor)
        message = compute_succession(participant, successor)
        signing_hash = compute_signing_hash(self.chain_id, self.address, message)
        if recover_signer(signing_hash, action.acceptance) != successor:
            refuse("NotAccepted", f"{successor} did not sign that it succeeds {participant}")
        # A registrar that moved bonds to keys of its choice could take them.
        amount = self.state.enrolment(participant).bond if sender == participant else 0
        return ParticipantRotated(participant, successor, amount, now)

    def _require_registrar(self, sender: str) -> None:
        if sender != self.state.registrar:
            refuse("NotRegistrar", f"{sender} is not the registrar")
