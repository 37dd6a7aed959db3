"""Money that a task holds: bonds after the end, and what is due to whom."""

from __future__ import annotations

from pathlib import Path

from fl_chain.chain.ether import format_ether
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import UsageError
from fl_chain.protocol.actions import ClaimPayout, WithdrawBond
from fl_chain.roles.equivocation import Inbox
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import Progress
from fl_chain.roles.replay import replay
from fl_chain.roles.statements import read_statement
from fl_chain.storage.memory import MemoryStore


def withdraw_bond(ledger: Ledger, progress: Progress) -> None:
    """Take the sender's bond out, and have it paid.

    Raises
    ------
    TransactionRejected
        BondLocked until challenge_seconds after the end of the task; NothingToPay.
    """
    ledger.send(WithdrawBond())
    claim_payout(ledger, progress)


def claim_payout(ledger: Ledger, progress: Progress) -> None:
    """Have the sender paid what is due to it.

    Raises
    ------
    TransactionRejected
        NothingToPay.
    """
    task, _ = replay(ledger)
    wei = task.committee.payouts.get(ledger.sender, 0)
    receipt = ledger.send(ClaimPayout())
    progress("claimed", {"wei": wei, "ether": format_ether(wei), "gas": receipt.gas_used})


def show_equivocation(ledger: Ledger, paths: tuple[Path, ...], progress: Progress) -> None:
    """Have the bond taken of an aggregator that signed two results for one round.

    Raises
    ------
    UsageError
        The files show no such thing.
    """
    follower = TaskFollower(ledger, MemoryStore())
    follower.refresh()
    inbox = Inbox(follower, None, progress)
    for path in paths:
        inbox.add(read_statement(path))
    action = inbox.find_equivocation()
    if action is None:
        raise UsageError(
            "these attestations contradict neither each other nor what is on record now",
            "give two attestations of one aggregator to two results of one round",
        )
    receipt = ledger.send(action)
    progress("equivocation", {"round": follower.task.current.round, "gas": receipt.gas_used})
