"""The contract and its model in Python, driven side by side on a real chain.

Random people do random things at random times, mostly around deadlines, rightly and wrongly. The
contract emits the records that the model emits, or refuses with the error that the model refuses
with; after every step they agree on every phase, on storage, on money and on the history hash.
"""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from fl_chain.protocol.actions import Abort, ConcludeDispute, DepositBond, Enrol, Finalize
from fl_chain.protocol.committee import NOBODY
from fl_chain.protocol.constants import NO_VALUES
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import TaskParameters
from fl_chain.roles.liveness import compute_due
from tests.stateful.agreement import Agreement
from tests.stateful.committee_rules import CommitteeRules
from tests.stateful.contents import NUM_VALUES
from tests.stateful.dispute_rules import DisputeRules
from tests.stateful.participant_rules import ParticipantRules
from tests.stateful.round_rules import RoundRules
from tests.stateful.side_by_side import (
    AGGREGATORS,
    CONTENTS,
    COORDINATOR,
    PARTICIPANTS,
    PEOPLE,
    STRANGER,
    WORD,
)
from tests.stateful.stepped_chain import ETHER, SteppedChain, drive


class ContractAndModel(RoundRules, CommitteeRules, DisputeRules, ParticipantRules, Agreement):
    """A task of some kind, from its creation to the end of a round."""

    def __init__(self, chain: SteppedChain, finalized: Counter[str]) -> None:
        super().__init__(chain)
        self.finalized = finalized
        """Rounds of all tasks that got a model, by what their updates took."""

    @initialize(
        counts=st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(0, 2)),
        windows=st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([0, 1, 9, 9])),
        committee=st.sampled_from([(1, 0), (2, 2), (3, 2), (3, 2), (3, 3), (3, 0)]),
        bond=st.sampled_from([0, 1, 7, ETHER, ETHER]),
        admitted=st.integers(2, len(PARTICIPANTS)),
        head_start=st.integers(0, 4),
        commit_seconds=st.sampled_from([0, 0, 0, 1, 9, 20]),
        is_open=st.sampled_from([False, False, True]),
        list_seconds=st.sampled_from([0, 0, 1, 5, 19]),
        sampling=st.sampled_from(
            [(0, 0)] * 4 + [(2**31, 1), (2**31, 5), (3 * 2**30, 9), (2**32 - 1, 5)]
        ),
        reward=st.sampled_from([0, 0, 7, 90]),
        privacy=st.sampled_from([(0, 0)] * 4 + [(1, 1), (1, 3), (2, 5), (7, 2**64 - 1)]),
        unmask_seconds=st.sampled_from([0] * 6 + [1, 9, 20]),
    )
    def create(
        self,
        counts: tuple[int, int, int],
        windows: tuple[int, int, int],
        committee: tuple[int, int],
        bond: int,
        admitted: int,
        head_start: int,
        commit_seconds: int,
        is_open: bool,
        list_seconds: int,
        sampling: tuple[int, int],
        reward: int,
        privacy: tuple[int, int],
        unmask_seconds: int,
    ) -> None:
        num_rounds, minimum, spare = counts
        if unmask_seconds:  # which asks for seeds and commitments
            commit_seconds = max(commit_seconds, 1)
            sampling = max(sampling, (2**31, 1))
        list_seconds = 0 if commit_seconds else min(list_seconds, windows[0] - 1)
        if list_seconds:
            admitted = min(admitted, minimum + spare)
        size, quorum = committee
        self.chain.begin(PEOPLE)
        parameters = TaskParameters(
            registry=NOBODY,  # deployed with it
            disputes=NOBODY,
            manifest_digest=WORD[1],
            manifest_cid_digest=WORD[2],
            genesis_digest=CONTENTS.genesis,
            genesis_cid_digest=WORD[4],
            num_rounds=num_rounds,
            min_updates=minimum,
            target_updates=minimum + spare,
            max_weight=10,
            collect_seconds=windows[0],
            aggregate_seconds=windows[1],
            challenge_seconds=windows[2],
            quorum=quorum,
            bond=bond,
            header_chunks=1,
            num_values=NUM_VALUES,
            fraction_shift=NO_VALUES if unmask_seconds else 3,
            commit_seconds=commit_seconds,
            is_open=is_open,
            list_seconds=list_seconds,
            sample_rate=sampling[0],
            seed_seconds=sampling[1],
            reward=reward if quorum else 0,
            privacy_cost=0 if list_seconds else privacy[0],
            privacy_budget=0 if list_seconds else privacy[1],
            unmask_seconds=unmask_seconds,
        )
        self.deploy(parameters, size)
        self.act_in_registry(COORDINATOR, Enrol(tuple(PEOPLE[i] for i in PARTICIPANTS)))
        self.admit(COORDINATOR, [*PARTICIPANTS][:admitted])
        if bond:
            for index in AGGREGATORS[:size]:
                self.act(index, DepositBond(bond))
        self.move_on(head_start, 0)

    def teardown(self) -> None:
        """Whatever happened before and whoever is silent: a stranger alone ends the round."""
        if not self.is_created:
            return
        kind = "masks" if self.task.is_masked else "a seed" if self.task.is_sampled else "neither"
        self.finalized[kind] += self.task.current.num_finalized
        if self.task.is_over:
            return
        number, waits = self.task.current.round, 0
        while self.task.current.round == number and not self.task.is_over:
            waits += 1
            assert waits <= 8, self.task.phase(self.now)
            phase = self.task.phase(self.now)
            due = compute_due(SimpleNamespace(task=self.task, phase=phase))  # type: ignore[arg-type]
            assert due is not None
            self.wait_until(due)
            match self.task.phase(self.now):
                case Phase.PROPOSED:
                    self.act(STRANGER, Finalize(number))
                case Phase.CHALLENGED:
                    self.act(STRANGER, ConcludeDispute(number))
                case Phase.EXPIRED:
                    self.act(STRANGER, Abort(number))
        self.they_agree()


@pytest.mark.timeout(1500)
def test_contract_and_model_agree_whatever_happens(stepped_chain: SteppedChain) -> None:
    finalized: Counter[str] = Counter()
    drive(lambda: ContractAndModel(stepped_chain, finalized), num_tasks=100)
    # Steps that lead nowhere would agree as well.
    assert min(finalized[kind] for kind in ("masks", "a seed", "neither")) > 0, finalized
