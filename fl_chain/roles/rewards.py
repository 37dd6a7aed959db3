"""What the updates of a task earn: its pot, what each round paid or has to pay, and paying it."""

from __future__ import annotations

from collections.abc import Iterator

from fl_chain.chain.ether import format_ether
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import BlobUnavailable, UsageError
from fl_chain.protocol.actions import FundPot, PayRewards, ReclaimPot
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.constants import CHUNK_BYTES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.opening import open_chunk
from fl_chain.protocol.report import (
    RoundReport,
    compute_report_bytes,
    compute_reward_offset,
    decode_report,
)
from fl_chain.protocol.rewards import ROWS_PER_PART
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import Progress
from fl_chain.roles.task_history import Row
from fl_chain.storage.store import ContentStore


def fund_pot(ledger: Ledger, wei: int, progress: Progress) -> None:
    """Add to what the updates of rounds to come earn.

    Raises
    ------
    TransactionRejected
        NoRewards: the task rewards nothing, or is over.
    """
    receipt = ledger.send(FundPot(wei))
    progress("funded_pot", {"wei": wei, "ether": format_ether(wei), "gas": receipt.gas_used})


def reclaim_pot(ledger: Ledger, progress: Progress) -> None:
    """Take back what is left in the pot of a task that is over; it can be claimed then.

    Raises
    ------
    TransactionRejected
        NotCoordinator, UnexpectedPhase or NothingToPay.
    """
    receipt = ledger.send(ReclaimPot())
    progress("reclaimed_pot", {"gas": receipt.gas_used})


def list_rewards(follower: TaskFollower, store: ContentStore) -> Iterator[Row]:
    """Yield what each update of each rewarded round earned, as the round's report says.

    Parameters
    ----------
    follower
        The task, up to date.
    store
        Where reports are fetched from.

    Raises
    ------
    UsageError
        The task rewards nothing.
    StoreError
        A report cannot be had.
    """
    task = follower.task
    if not task.parameters.reward:
        raise UsageError("this task rewards nothing", "a task.toml with a table [reward] does")
    for number, payroll in sorted(task.payrolls.items()):
        report, _ = _fetch_report(follower, store, number)
        for sequence, reward in enumerate(report.rewards or ()):
            if reward.amount:
                yield {
                    "round": number,
                    "sequence": sequence,
                    "participant": reward.participant,
                    "wei": reward.amount,
                    "ether": format_ether(reward.amount),
                    "is_paid": sequence // ROWS_PER_PART in payroll.paid,
                }


def pay_rewards(follower: TaskFollower, store: ContentStore, progress: Progress) -> int:
    """Have the ledger pay what is not paid yet, round by round; return how many parts there were.

    Raises
    ------
    StoreError
        A report cannot be had.
    """
    count = 0
    for number, payroll in sorted(follower.task.payrolls.items()):
        parts = payroll.unpaid
        if not parts:
            continue
        _, data = _fetch_report(follower, store, number)
        first = compute_reward_offset(payroll.num_updates) // CHUNK_BYTES
        for part in parts:
            said = payroll.report_digest, payroll.num_updates
            opening = open_chunk(data, first + part)
            receipt = follower.ledger.send(PayRewards(number, *said, part, opening))
            progress("paid_rewards", {"round": number, "part": part, "gas": receipt.gas_used})
            count += 1
    return count


def _fetch_report(
    follower: TaskFollower, store: ContentStore, round_number: int
) -> tuple[RoundReport, bytes]:
    payroll = follower.task.payrolls[round_number]
    proposal = follower.task.rounds[round_number].proposal
    assert proposal is not None  # noqa: S101 - the round became final
    size = compute_report_bytes(payroll.num_updates, has_rewards=True)
    data = store.get(cid_from_digest(proposal.report_cid_digest, size), max_bytes=size)
    if compute_digest(data) != payroll.report_digest:
        raise BlobUnavailable(f"the pinned report of round {round_number} is another one")
    return decode_report(data), data
