"""Any subset of the parties falls silent for ever, at any time: every round ends all the same.

Parties are as simple as they can be: each does what its role asks for, until it is silent. Somebody
who has no part in the task moves it on when time allows, as every participant and aggregator would.
A hostile challenger disputes whatever it can pay for. As long as enough participants and one
aggregator work, rounds end with models.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from fl_chain.chain.keys import sign_hash
from fl_chain.chain.memory import MemoryChain
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import (
    Abort,
    Admit,
    AnswerHeader,
    Attest,
    Challenge,
    CommitSeeds,
    CommitUpdate,
    ConcludeDispute,
    DepositBond,
    Enrol,
    Finalize,
    LedgerAction,
    ListUpdates,
    Propose,
    RevealSeed,
    RevealUpdate,
    SubmitMasked,
    SubmitUpdate,
    Unmask,
)
from fl_chain.protocol.attestation import compute_result, compute_signing_hash
from fl_chain.protocol.commitment import compute_commitment
from fl_chain.protocol.constants import NO_VALUES
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import Question, TaskParameters
from fl_chain.protocol.sampling import compute_chain
from fl_chain.roles.liveness import compute_due
from tests.stateful.contents import NUM_VALUES, Contents

NUM_PARTICIPANTS, NUM_AGGREGATORS, MIN_UPDATES, NUM_ROUNDS = 4, 3, 2, 6
COMMIT, COLLECT, UNMASK, AGGREGATE, CHALLENGE, BOND, SEED = 40, 50, 30, 20, 10, 7, 15
KEYS = [Account.from_key((2**220 + index).to_bytes(32)) for index in range(10)]
PEOPLE = [str(key.address).lower() for key in KEYS]
COORDINATOR, STRANGER, CHALLENGER = 0, 8, 9
AGGREGATORS = range(1, 1 + NUM_AGGREGATORS)
PARTICIPANTS = range(4, 4 + NUM_PARTICIPANTS)
CONTENTS = Contents()
WORD = [bytes([number]) * 32 for number in range(8)]
SECRETS = {index: compute_chain(bytes([index]) * 32, 3 * NUM_ROUNDS + 2) for index in AGGREGATORS}
"""Aggregator to its secrets, more than there are rounds, and their tip."""
NEVER = 10**6
# The longest that a round can take: everybody waits to the last second, and every aggregator
# proposes, is challenged, does not answer, and is rejected.
LONGEST_ROUND = (
    2 * SEED
    + COMMIT
    + COLLECT
    + UNMASK
    + 1
    + (NUM_AGGREGATORS + 1) * (NUM_AGGREGATORS * AGGREGATE + 3 * CHALLENGE + 9)
)

silences = st.sampled_from([0, 0, 30, 55, 80, 140, 300, NEVER, NEVER, NEVER])


class Task:
    """A task in memory, and the parties that have not fallen silent."""

    def __init__(
        self,
        quorum: int,
        silent_from: dict[int, int],
        challenges: int,
        extra_seconds: tuple[int, int],
        withholding: set[int] | None,
        has_masks: bool,
    ) -> None:
        commit_seconds, list_seconds = (COMMIT, 0) if has_masks else extra_seconds
        self.now = 1_700_000_000
        self.start = self.now
        self.started_at = {1: self.now}
        self.silent_from = silent_from
        self.challenges = challenges
        self.withholding = withholding or set()
        parameters = TaskParameters(
            "0x" + "ee" * 20,
            "0x" + "dd" * 20,
            *WORD[1:3],
            CONTENTS.genesis,
            WORD[4],
            NUM_ROUNDS,
            MIN_UPDATES,
            NUM_PARTICIPANTS,
            10,
            COLLECT,
            AGGREGATE,
            CHALLENGE,
            quorum,
            BOND,
            1,
            NUM_VALUES,
            NO_VALUES if has_masks else 3,
            commit_seconds,
            False,
            list_seconds,
            *((0, 0) if withholding is None and not has_masks else (2**32 - 1, SEED)),
            unmask_seconds=UNMASK if has_masks else 0,
        )
        registry = MemoryRegistry(PEOPLE[COORDINATOR], clock=lambda: float(self.now))
        registry.carry_out(
            PEOPLE[COORDINATOR], Enrol(tuple(PEOPLE[index] for index in PARTICIPANTS))
        )
        self.chain = MemoryChain(
            PEOPLE[COORDINATOR],
            parameters,
            [PEOPLE[index] for index in AGGREGATORS],
            registry,
            lambda: float(self.now),
        )
        self.act(COORDINATOR, Admit(tuple(PEOPLE[index] for index in PARTICIPANTS)))
        for index in AGGREGATORS:
            self.act(index, DepositBond(BOND))

    @property
    def state(self) -> Any:
        return self.chain.task

    def act(self, who: int, action: LedgerAction) -> bool:
        try:
            self.chain.carry_out(PEOPLE[who], action)
        except TransactionRejected:
            return False
        number = self.state.current.round
        self.started_at.setdefault(number, self.now)
        return True

    def works(self, who: int) -> bool:
        return self.now - self.start < self.silent_from.get(who, NEVER)

    def let_all_act(self) -> bool:
        """Let everybody do one thing who works and has something to do."""
        is_done = False
        phase = self.state.phase(self.now)
        number = self.state.current.round
        if phase in (Phase.COMMITTING, Phase.COLLECTING):
            for who in PARTICIPANTS:
                is_done |= self.works(who) and self.act(who, self.contribution(who, phase))
            for who in AGGREGATORS:
                # Of updates that nobody ever sees, which keeps nobody out.
                listed = ListUpdates(number, NUM_PARTICIPANTS, WORD[5], WORD[6])
                is_done |= self.works(who) and self.act(who, listed)
            return is_done
        if phase == Phase.UNMASKING:
            for who in PARTICIPANTS:
                is_done |= self.works(who) and self.act(who, Unmask(number, WORD[7]))
            return is_done
        for who in AGGREGATORS:
            is_done |= self.works(who) and self.aggregate(who, phase, number)
        if phase == Phase.PROPOSED and self.challenges and not is_done:
            self.challenges -= 1
            is_done = self.act(CHALLENGER, Challenge(number, Question.HEADER, 0, BOND))
        return is_done

    def contribution(self, who: int, phase: Phase) -> LedgerAction:
        update = self.state.current.round, CONTENTS.updates[0], WORD[2], 1
        if phase == Phase.COMMITTING:
            place = self.chain.chain_id, self.chain.address, update[0], PEOPLE[who]
            return CommitUpdate(update[0], compute_commitment(*place, *update[1:], WORD[3]))
        if self.state.is_masked:
            return SubmitMasked(*update, apart=0)
        if self.state.parameters.commit_seconds:
            return RevealUpdate(*update, WORD[3])
        return SubmitUpdate(*update)

    def aggregate(self, who: int, phase: Phase, number: int) -> bool:
        report = CONTENTS.report(self.state.current.num_updates, "right")
        if phase == Phase.SCHEDULED:
            return self.seed(who, number)
        if phase == Phase.AGGREGATING:
            return self.act(who, Propose(number, CONTENTS.model, WORD[5], report, WORD[6]))
        if phase == Phase.CHALLENGED and self.state.dispute.stage == Stage.ASKED:
            openings = CONTENTS.open(CONTENTS.genesis, 0), CONTENTS.open(CONTENTS.model, 0)
            return self.act(who, AnswerHeader(number, *openings))
        if phase == Phase.PROPOSED and self.state.parameters.quorum:
            result = compute_result(number, CONTENTS.model, report)
            signing_hash = compute_signing_hash(self.chain.chain_id, self.chain.address, result)
            signature = sign_hash(KEYS[who], signing_hash)
            return self.act(who, Attest(number, CONTENTS.model, report, (signature,)))
        return False

    def seed(self, who: int, number: int) -> bool:
        """Commit if there is time for that, and reveal unless one is to withhold."""
        chain = self.state.seed_chains.get(PEOPLE[who])
        words = SECRETS[who]
        if chain is None:
            return self.act(who, CommitSeeds(words[-1]))
        if who in self.withholding:
            return False
        return self.act(who, RevealSeed(number, words[words.index(chain.tip) - 1]))

    def pass_time(self) -> None:
        """Let time pass to the next second at which somebody may do something."""
        phase, state = self.state.phase(self.now), self.state
        due = compute_due(SimpleNamespace(task=state, phase=phase))  # type: ignore[arg-type]
        assert due is not None
        turns = [state.turn_at(rank) for rank in range(NUM_AGGREGATORS)]
        ahead = [due, *(turn for turn in turns if phase == Phase.AGGREGATING)]
        ahead += [state.seeding.reveals_from] if phase == Phase.SCHEDULED else []
        self.now = min([moment for moment in ahead if moment > self.now], default=self.now)
        number = state.current.round
        for action in (Finalize(number), ConcludeDispute(number), Abort(number)):
            if self.act(STRANGER, action):
                return


@settings(max_examples=200, deadline=None)
@given(
    quorum=st.sampled_from([0, 2, 3]),
    silent=st.fixed_dictionaries(dict.fromkeys((*AGGREGATORS, *PARTICIPANTS), silences)),
    challenges=st.integers(0, 5),
    extra_seconds=st.sampled_from([(0, 0), (COMMIT, 0), (0, COLLECT // 2)]),
    withholding=st.none() | st.sets(st.sampled_from(AGGREGATORS)),
    has_masks=st.sampled_from([False, False, True]),
)
def test_every_round_ends_whoever_is_silent(
    quorum: int,
    silent: dict[int, int],
    challenges: int,
    extra_seconds: tuple[int, int],
    withholding: set[int] | None,
    has_masks: bool,
) -> None:
    """Times to commit, and to list, go with the task; most have neither. Masks have their own."""
    task = Task(quorum, silent, challenges, extra_seconds, withholding, has_masks)
    for _ in range(2000):
        if task.state.is_over or task.state.current.round > 3 * NUM_ROUNDS:
            break
        number = task.state.current.round
        if not task.let_all_act():
            task.pass_time()
        assert task.now - task.started_at[number] <= LONGEST_ROUND
    else:
        raise AssertionError("the task goes round in circles")
    working = {who for who, moment in silent.items() if moment == NEVER} - task.withholding
    if len(working & set(PARTICIPANTS)) >= MIN_UPDATES and working & set(AGGREGATORS):
        assert task.state.current.num_finalized == NUM_ROUNDS
    for number in range(1, task.state.current.round):
        assert task.state.phase_of(number, task.now) in (Phase.FINALIZED, Phase.ABORTED)
