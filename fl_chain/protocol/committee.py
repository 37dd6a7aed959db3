"""The committee: the aggregators of a task, their turns, their bonds, and what they attested to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

from fl_chain.errors import InvalidTransition
from fl_chain.protocol.records import (
    BondDeposited,
    BondSlashed,
    BondWithdrawn,
    Fault,
    PayoutClaimed,
)

MAX_AGGREGATORS: Final = 64
FOR_GOOD: Final = 2**32 - 1
"""In place of a round: barred from all of them."""
NOBODY: Final = "0x" + "00" * 20


@dataclass(slots=True)
class Aggregator:
    """One aggregator's standing; the fields are those of the contract."""

    seat: int
    """Its place in the order of turns, from 1."""
    attested_in: int = 0
    """Round that it last attested in, by proposing or by signature."""
    attested_at: int = 0
    """Block time of that, in seconds; older than the standing proposal, it does not count there."""
    barred_in: int = 0
    """Round that it may no longer act in; ``FOR_GOOD`` is every round."""
    bond: int = 0
    """In wei."""
    result: bytes = bytes(32)
    """What it attested to; see :func:`fl_chain.protocol.attestation.compute_result`."""


class Committee:
    """The aggregators by address, in the order of their seats, and what is due to whom.

    Parameters
    ----------
    bond
        Deposit without which an aggregator can not act, in wei.
    """

    def __init__(self, bond: int) -> None:
        self.required_bond = bond
        self.members: dict[str, Aggregator] = {}
        self.payouts: dict[str, int] = {}
        """Account to wei that it can claim; accounts that were paid stay, with 0."""

    def appoint(self, address: str, seat: int) -> None:
        """Add the next aggregator."""
        is_next = seat == len(self.members) + 1 <= MAX_AGGREGATORS
        if not is_next or address in self.members or address == NOBODY:
            refuse("ParameterOutOfRange", f"{address} cannot have seat {seat}")
        self.members[address] = Aggregator(seat)

    def rank(self, address: str, round_number: int) -> int:
        """Return how many turns of a round come before an aggregator's own.

        The first turn goes around, one seat further each round.
        """
        return (self.member(address).seat - round_number) % len(self.members)

    def member(self, address: str) -> Aggregator:
        """Return an aggregator.

        Raises
        ------
        InvalidTransition
            NotAggregator.
        """
        if address not in self.members:
            refuse("NotAggregator", f"{address} is no aggregator of this task")
        return self.members[address]

    def bond_of(self, address: str) -> int:
        """Return an account's bond in wei, 0 if it is no aggregator."""
        return self.members.get(address, Aggregator(0)).bond

    def check_standing(self, address: str, round_number: int) -> Aggregator:
        """Check that an aggregator may act in a round, and return it.

        Raises
        ------
        InvalidTransition
            NotAggregator, AggregatorBarred or BondTooLow.
        """
        member = self.member(address)
        if self._is_barred(member, round_number):
            refuse("AggregatorBarred", f"{address} committed a fault in round {round_number}")
        if member.bond < self.required_bond:
            refuse("BondTooLow", f"{address} has a bond of {member.bond} wei")
        return member

    def has_standing(self, address: str, round_number: int) -> bool:
        """Return whether :meth:`check_standing` would let an aggregator act in a round."""
        member = self.member(address)
        return not self._is_barred(member, round_number) and member.bond >= self.required_bond

    @staticmethod
    def _is_barred(member: Aggregator, round_number: int) -> bool:
        return member.barred_in in (round_number, FOR_GOOD)

    def attest(self, address: str, round_number: int, now: int, result: bytes) -> None:
        """Remember what an aggregator attested to."""
        member = self.member(address)
        member.attested_in, member.attested_at, member.result = round_number, now, result

    def apply_deposited(self, record: BondDeposited) -> None:
        """Add to a bond."""
        member = self.member(record.aggregator)
        if member.barred_in == FOR_GOOD:
            refuse("AggregatorBarred", f"{record.aggregator} is barred for good")
        if record.amount == 0 or member.bond + record.amount >= 2**96:
            refuse("ParameterOutOfRange", f"{record.amount} wei cannot be deposited")
        member.bond += record.amount

    def apply_withdrawn(self, record: BondWithdrawn) -> None:
        """Turn a bond into a payout."""
        bond = self.bond_of(record.aggregator)
        if not 0 < record.amount == bond:
            refuse("NothingToPay", f"{record.aggregator} has a bond of {bond} wei")
        self.members[record.aggregator].bond = 0
        self.pay(record.aggregator, record.amount)

    def apply_slashed(self, record: BondSlashed, round_number: int) -> None:
        """Take a bond, half of it for the beneficiary."""
        member = self.member(record.aggregator)
        is_for_good = record.fault == Fault.EQUIVOCATION
        if is_for_good and member.barred_in == FOR_GOOD:
            refuse("AggregatorBarred", f"{record.aggregator} is barred for good")
        if record.amount != member.bond:
            refuse("UnexpectedAmount", f"{record.aggregator} has a bond of {member.bond} wei")
        member.bond = 0
        if member.barred_in != FOR_GOOD:
            member.barred_in = FOR_GOOD if is_for_good else round_number
        if record.beneficiary != NOBODY:
            self.pay(record.beneficiary, record.amount // 2)

    def apply_claimed(self, record: PayoutClaimed) -> None:
        """Pay what is due."""
        due = self.payouts.get(record.account, 0)
        if not 0 < record.amount == due:
            refuse("NothingToPay", f"{due} wei are due to {record.account}")
        self.payouts[record.account] = 0

    def pay(self, account: str, amount: int) -> None:
        """Make something due to an account, in wei."""
        self.payouts[account] = self.payouts.get(account, 0) + amount


def refuse(error: str, message: str) -> NoReturn:
    """Raise what the contract would answer.

    Raises
    ------
    InvalidTransition
        Always.
    """
    raise InvalidTransition(message, error=error)
