"""The pot of a task: what is there for rounds to come, what is left to pay, and who was paid."""

from __future__ import annotations

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.records import PotFunded, PotReclaimed, RewardsPaid
from fl_chain.protocol.rewards import ROWS_PER_PART, read_row
from fl_chain.protocol.state import Payroll
from fl_chain.protocol.timing import TimedTask


class RewardingTask(TimedTask):
    """The part of a task's state that is about rewards."""

    def check_fund(self, wei: int) -> None:
        """Check that somebody may add so much to the pot.

        Raises
        ------
        InvalidTransition
            NoRewards or ParameterOutOfRange.
        """
        if not self.parameters.reward or self.is_over:
            refuse("NoRewards", "no round to come has a reward")
        if not wei or self.pot + wei >= 2**96:
            refuse("ParameterOutOfRange", f"a pot of {self.pot + wei} wei")

    def check_payroll(
        self, round_number: int, report_digest: bytes, num_updates: int, part: int
    ) -> None:
        """Check that a part of a round's rewards is to be paid, of this report.

        Raises
        ------
        InvalidTransition
            UnknownPayroll, AlreadyPaid or ParameterOutOfRange.
        """
        payroll = self.payrolls.get(round_number)
        said = report_digest, num_updates
        if payroll is None or (payroll.report_digest, payroll.num_updates) != said:
            refuse("UnknownPayroll", f"round {round_number} has no such rewards")
        self.check_unpaid(round_number, part)

    def check_unpaid(self, round_number: int, part: int) -> None:
        """Check that a part of a round's rewards is there and was not paid.

        Raises
        ------
        InvalidTransition
            UnknownPayroll, AlreadyPaid or ParameterOutOfRange.
        """
        payroll = self.payrolls.get(round_number)
        if payroll is None:
            refuse("UnknownPayroll", f"round {round_number} has no rewards")
        if part in payroll.paid:
            refuse("AlreadyPaid", f"part {part} of round {round_number} was paid")
        if part * ROWS_PER_PART >= payroll.num_updates:
            refuse("ParameterOutOfRange", f"round {round_number} has no part {part}")

    def check_reclaim(self, account: str) -> None:
        """Check that somebody may take back what is left.

        Raises
        ------
        InvalidTransition
            NotCoordinator, UnexpectedPhase or NothingToPay.
        """
        if account != self.coordinator:
            refuse("NotCoordinator", f"{account} is not the coordinator")
        if not self.is_over:
            refuse("UnexpectedPhase", "there are rounds to come")
        if not self.pot:
            refuse("NothingToPay", "the pot is empty")

    def check_total(self, round_number: int, rows: tuple[int, ...]) -> int:
        """Return what rows add up to.

        Raises
        ------
        InvalidTransition
            RewardExceeded.
        """
        total = sum(read_row(row).amount for row in rows)
        if total > self.payrolls[round_number].left:
            refuse("RewardExceeded", f"round {round_number} cannot pay {total} wei")
        return total

    def _reserve_reward(self, round_number: int, report_digest: bytes, num_updates: int) -> None:
        reward = self.parameters.reward
        if reward and self.pot >= reward:
            self.pot -= reward
            self.payrolls[round_number] = Payroll(report_digest, num_updates, reward)

    def _apply_funded(self, record: PotFunded) -> None:
        self.check_fund(record.amount)
        self.pot += record.amount

    def _apply_paid(self, record: RewardsPaid) -> None:
        self.check_unpaid(record.round, record.part)
        payroll = self.payrolls[record.round]
        payroll.left -= self.check_total(record.round, record.rows)
        payroll.paid.add(record.part)
        if not payroll.unpaid:
            self.pot += payroll.left
            payroll.left = 0
        for reward in map(read_row, record.rows):
            if reward.amount:
                self.committee.pay(reward.participant, reward.amount)

    def _apply_reclaimed(self, record: PotReclaimed) -> None:
        self.check_reclaim(record.coordinator)
        if record.amount != self.pot:
            refuse("UnexpectedAmount", f"{record.amount} wei of a pot of {self.pot}")
        self.pot = 0
        self.committee.pay(record.coordinator, record.amount)
