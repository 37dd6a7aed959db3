"""The part of a task's state that is about seeds: the secrets of aggregators, and who is drawn."""

from __future__ import annotations

from dataclasses import replace

from fl_chain.protocol.committee import refuse
from fl_chain.protocol.phases import Action
from fl_chain.protocol.records import (
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
    SeedRevealed,
    SeedsCommitted,
)
from fl_chain.protocol.sampling import (
    add_to_mix,
    compute_contribution,
    compute_seed,
    compute_tip,
    is_drawn,
)
from fl_chain.protocol.state import Lot, SeedChain, Seeding
from fl_chain.protocol.timing import TimedTask


class SeedingTask(TimedTask):
    """What :class:`fl_chain.protocol.round.Task` knows about seeds; nothing without sampling."""

    @property
    def is_sampled(self) -> bool:
        """Whether only some of the participants take part in a round."""
        return self.parameters.sample_rate > 0

    @property
    def seed(self) -> bytes:
        """Seed of the current round, if it stays as it is; final once the round is open."""
        return compute_seed(self.seeding.former_seed, self.current.round, self.seeding.mix)

    def seed_of(self, round_number: int, now: int) -> bytes | None:
        """Return the seed of a round; None of one that has none, or none yet at block time."""
        is_current = round_number == self.current.round
        if is_current and self.is_sampled and now >= self.current.opened_at:
            return self.seed
        return None if is_current else self.seeds.get(round_number)

    def is_selected(self, participant: str) -> bool:
        """Return whether a participant may take part in the current round; all may by default."""
        return not self.is_sampled or self._is_drawn(participant, self.current.round, self.seed)

    def was_selected(self, participant: str, round_number: int, now: int) -> bool | None:
        """Return whether a participant was selected for a round; None where there is no seed."""
        seed = self.seed_of(round_number, now)
        return None if seed is None else self._is_drawn(participant, round_number, seed)

    def count_selected(self) -> int:
        """Return how many of those who are admitted now may take part in the current round."""
        if not self.is_sampled:
            return len(self.admitted)
        number, seed = self.current.round, self.seed
        return sum(self._is_drawn(participant, number, seed) for participant in self.admitted)

    def _is_drawn(self, participant: str, round_number: int, seed: bytes) -> bool:
        lot = self.lots.get(participant)
        if lot is None or round_number < lot.from_round:
            return False
        return is_drawn(seed, lot.name, self.parameters.sample_rate)

    def is_fixed(self, now: int) -> bool:
        """Return whether nobody can choose a secret of the current round any more."""
        return now >= self.seeding.reveals_from

    def has_withheld(self, aggregator: str, round_number: int) -> bool:
        """Return whether an aggregator has not revealed a secret that it was to reveal."""
        chain = self.seed_chains.get(aggregator)
        if chain is None:
            return False
        return chain.due_from <= round_number and chain.revealed_in != round_number

    def check_selected(self, participant: str, round_number: int) -> None:
        """Check that a participant is selected for the current round.

        Raises
        ------
        InvalidTransition
            NotSelected.
        """
        if not self.is_selected(participant):
            refuse("NotSelected", f"{participant} is not selected for round {round_number}")

    def check_revealed(self, aggregator: str, round_number: int) -> None:
        """Check that an aggregator has revealed its secret of a round, if it was to.

        Raises
        ------
        InvalidTransition
            SeedWithheld.
        """
        if self.has_withheld(aggregator, round_number):
            refuse("SeedWithheld", f"{aggregator} withheld its secret of round {round_number}")

    def compute_opening(self, round_number: int, now: int) -> int:
        """Return when a round opens at the latest that is begun at block time ``now``."""
        # Nobody can have committed before the first round, so it gives as much time for that.
        periods = 2 if round_number == 1 else 1
        return now + periods * self.parameters.seed_seconds

    def _begin_seeding(self, now: int) -> None:
        """Begin the secrets of the round that comes now; the current one is still the last."""
        if not self.is_sampled:
            return
        last = self.current.round
        former_seed = self.seed if last else self.parameters.manifest_digest
        if last:
            self.seeds[last] = former_seed
        opens_from = self.compute_opening(last + 1, now)
        self.seeding = Seeding(
            former_seed,
            num_committed=self.seeding.num_committed,
            reveals_from=opens_from - self.parameters.seed_seconds,
            opens_from=opens_from,
        )

    def _apply_admission(
        self, record: ParticipantAdmitted | ParticipantRemoved | ParticipantSucceeded
    ) -> None:
        self.admissions.apply(record)
        if not self.is_sampled:
            return
        if isinstance(record, ParticipantAdmitted):
            # A name could have been chosen by secrets that may be known.
            number = self.current.round + self.is_fixed(record.timestamp)
            self.lots[record.participant] = Lot(record.participant, number)
        elif isinstance(record, ParticipantSucceeded):
            self.lots[record.successor] = self.lots[record.participant]

    def _apply_committed_seeds(self, record: SeedsCommitted) -> None:
        aggregator, now = record.aggregator, record.timestamp
        self._check_is_sampled()
        self.committee.member(aggregator)
        if not any(record.tip):
            refuse("ZeroDigest", "the tip is zero")
        if self.is_over:
            refuse("TaskOver", "the task is over")
        is_fixed = self.is_fixed(now)
        if is_fixed and now < self.current.opened_at:
            refuse("SeedsFixed", f"the secrets of round {self.current.round} can be seen")
        chain = self.seed_chains.get(aggregator, SeedChain())
        if not chain.due_from:
            chain = replace(chain, due_from=self.current.round + is_fixed)
            count = self.seeding.num_committed + 1
            self.seeding = replace(self.seeding, num_committed=count)
            if not is_fixed and count == len(self.committee.members):
                self.seeding = replace(self.seeding, reveals_from=now)
                self._open_from(now + self.parameters.seed_seconds)
        self.seed_chains[aggregator] = replace(chain, tip=record.tip)
        self.num_chains[aggregator] = self.num_chains.get(aggregator, 0) + 1

    def _apply_revealed_seed(self, record: SeedRevealed) -> None:
        aggregator, number, now = record.aggregator, record.round, record.timestamp
        self._check_is_sampled()
        self.committee.member(aggregator)
        self.check_round(number, Action.REVEAL_SEED, now)
        if not self.is_fixed(now):
            refuse("SeedsNotFixed", f"the secrets of round {number} can still be chosen")
        self.committee.check_standing(aggregator, number)
        chain = self.seed_chains.get(aggregator, SeedChain())
        if chain.revealed_in == number:
            refuse("AlreadyRevealed", f"{aggregator} has revealed its secret of round {number}")
        if compute_tip(record.secret) != chain.tip:
            refuse("WrongSecret", f"{aggregator} has committed to another secret")
        self.seed_chains[aggregator] = replace(chain, tip=record.secret, revealed_in=number)
        contribution = compute_contribution(number, aggregator, record.secret)
        count = self.seeding.num_revealed + 1
        mix = add_to_mix(self.seeding.mix, contribution)
        self.seeding = replace(self.seeding, mix=mix, num_revealed=count)
        if count == len(self.committee.members):
            self._open_from(now)

    def _open_from(self, time: int) -> None:
        """Let the current round open at a time, unless it is paused beyond it."""
        self.seeding = replace(self.seeding, opens_from=time)
        self.current = replace(self.current, opened_at=max(time, self.current.paused_until))

    def _check_is_sampled(self) -> None:
        if not self.is_sampled:
            refuse("NoSampling", "in this task all participants take part in every round")
