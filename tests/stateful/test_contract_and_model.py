"""The contract and its model in Python, driven side by side on a real chain.

Random people do random things at random times, mostly around deadlines, rightly and wrongly. The
contract emits the records that the model emits, or refuses with the error that the model refuses
with; after every step they agree on every phase, on storage, on money and on the history hash.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple
from types import SimpleNamespace
from typing import Any

import pytest
from eth_abi import decode, encode
from eth_account import Account
from hypothesis import Phase as HypothesisPhase
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from fl_chain.chain.answers import read_logs
from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.chain.contracts import (
    DISPUTES,
    LEDGER,
    decode_error,
    encode_action,
    encode_creation,
    encode_registry_creation,
    encode_view,
)
from fl_chain.chain.keys import sign_hash
from fl_chain.chain.memory import MemoryChain
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import (
    Abort,
    Admit,
    AnswerHeader,
    AnswerStatus,
    AnswerValue,
    Attest,
    Challenge,
    ClaimPayout,
    CommitSeeds,
    CommitUpdate,
    ConcludeDispute,
    DecideListedUpdate,
    DecideUpdate,
    DepositBond,
    Enrol,
    Finalize,
    FundPot,
    LedgerAction,
    ListRecord,
    ListUpdates,
    Pause,
    PayRewards,
    Propose,
    ProveEquivocation,
    ProveOmission,
    ReclaimPot,
    RegistryAction,
    Remove,
    RevealSeed,
    RevealUpdate,
    Revoke,
    Rotate,
    SelectPart,
    SplitPart,
    Stop,
    SubmitBatch,
    SubmitMasked,
    SubmitUpdate,
    Succeed,
    Unmask,
    UpdateRecord,
    WithdrawBond,
)
from fl_chain.protocol.attestation import (
    Attestation,
    Signature,
    compute_result,
    compute_signing_hash,
    compute_succession,
)
from fl_chain.protocol.commitment import PENDING, compute_commitment
from fl_chain.protocol.constants import NO_VALUES
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.logs import (
    compute_history_hash,
    compute_record_hash,
    decode_log,
    encode_words,
)
from fl_chain.protocol.opening import Opening
from fl_chain.protocol.parts import Contribution, pack_parts
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    LISTING_PREFIX_BYTES,
    RECORD_PREFIX_BYTES,
    ParticipantSucceeded,
    Question,
    TaskParameters,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
)
from fl_chain.protocol.rewarding import Payroll
from fl_chain.protocol.rewards import NO_REWARD, Reward
from fl_chain.protocol.sampling import NO_MIX, compute_chain
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from fl_chain.protocol.state import Lot, SeedChain
from fl_chain.protocol.update_list import ListEntry, UpdateList, encode_update_list
from fl_chain.roles.liveness import compute_due
from tests.stateful.contents import NUM_VALUES, Contents

IS_EXPLORING = os.environ.get("HYPOTHESIS_PROFILE") == "explore"

COORDINATOR, STRANGER = 0, 1
AGGREGATORS = range(2, 5)
PARTICIPANTS = range(5, 10)
SUCCESSORS = range(10, 13)
KEYS = [Account.from_key((2**210 + index).to_bytes(32)) for index in range(13)]
PEOPLE = [str(key.address).lower() for key in KEYS]
WORD = [bytes([i]) * 32 for i in range(16)]
CONTENTS = Contents()
MODEL, OTHER = CONTENTS.model, CONTENTS.other
ETHER = 10**18
REWARDS = (Reward(PEOPLE[5], 20), NO_REWARD, Reward(PEOPLE[6], 31), Reward(PEOPLE[5], 1))
"""What reports say in a task with rewards: sometimes more than a round may cost."""

anybody = st.sampled_from(range(10))
participants = st.sampled_from([*PARTICIPANTS, *PARTICIPANTS, *SUCCESSORS, STRANGER])
aggregators = st.sampled_from([*AGGREGATORS] * 4 + [COORDINATOR])
coordinators = st.sampled_from([COORDINATOR] * 4 + [AGGREGATORS[0], PARTICIPANTS[0]])
# Mostly the current round, sometimes one that is over or that is not yet.
lags = st.sampled_from([0] * 12 + [-1, 1, 2**31])
digests = st.sampled_from([*CONTENTS.updates * 5, bytes(32)])
models = st.sampled_from([MODEL] * 6 + [OTHER] * 3 + [bytes(32)])
reports = st.sampled_from(["right"] * 8 + ["short", "strange"])
MOVES = ["right"] * 8 + [
    *("last second", "late", "silence", "stranger", "wrong content", "wrong chunk"),
    *("wrong stage", "wrong sum", "stray"),
]
DEADLINES: dict[str, Callable[[Any], int]] = {
    "opening": lambda task: task.current.opened_at,
    "end of collection": lambda task: task.collect_until,
    "second turn": lambda task: task.turn_at(1),
    "end of turns": lambda task: task.turn_at(len(task.committee.members)),
    "end of window": lambda task: task.window_until,
    "end of challenges": lambda task: task.current.closed_at + task.parameters.challenge_seconds,
    "end of commitments": lambda task: task.commit_until,
    "end of lists": lambda task: task.list_until,
    "first secret": lambda task: task.seeding.reveals_from,
    "end of secrets": lambda task: task.seeding.opens_from,
    "end of unmasking": lambda task: task.unmask_until,
}
# Now, or at a second around a deadline.
moments = st.sampled_from([None] * 8 + [(which, off) for which in DEADLINES for off in (-1, 0, 1)])


class ContractAndModel(RuleBasedStateMachine):
    """One task on chain, and the same task in Python."""

    def __init__(self, chain: ChainConnection, finalized: Counter[str]) -> None:
        super().__init__()
        self.chain = chain
        self.finalized = finalized
        """Rounds of all tasks that got a model, by what their updates took."""
        self.now = 0
        self.is_created = False
        self.paid_in = 0
        self.chosen: dict[int, tuple[bytes, bytes, int]] = {}
        """Participant to digest, CID digest and weight of the update that it committed to last."""
        self.secrets: dict[int, Any] = {}
        """Aggregator to the secrets that it committed to last, and their tip."""

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
        self.now = int(self.chain.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        for person in PEOPLE:
            self.chain.call("anvil_setBalance", person, hex(1000 * ETHER))
        receipt = self.deploy(encode_registry_creation())
        self.registry = receipt["contractAddress"].lower()
        self.people = MemoryRegistry(
            PEOPLE[COORDINATOR],
            clock=lambda: float(self.now),
            chain_id=self.chain.chain_id,
            address=self.registry,
        )
        assert read_records(receipt) == self.people.records
        disputes = self.deploy(encode_creation(DISPUTES))
        parameters = TaskParameters(
            self.registry,
            disputes["contractAddress"].lower(),
            *WORD[1:3],
            CONTENTS.genesis,
            WORD[4],
            num_rounds,
            minimum,
            minimum + spare,
            10,
            *windows,
            quorum,
            bond,
            1,
            NUM_VALUES,
            NO_VALUES if unmask_seconds else 3,
            commit_seconds,
            is_open,
            list_seconds,
            *sampling,
            reward if quorum else 0,
            *((0, 0) if list_seconds else privacy),
            unmask_seconds,
        )
        seats = [PEOPLE[index] for index in AGGREGATORS][:size]
        receipt = self.deploy(encode_creation(LEDGER, parameters, seats))
        self.model = MemoryChain(
            PEOPLE[COORDINATOR], parameters, seats, self.people, lambda: float(self.now)
        )
        self.model.chain_id = self.chain.chain_id
        self.model.address = self.ledger = receipt["contractAddress"].lower()
        assert read_records(receipt) == self.records
        self.is_created = True
        self.act_in_registry(COORDINATOR, Enrol(tuple(PEOPLE[i] for i in PARTICIPANTS)))
        self.admit(COORDINATOR, [*PARTICIPANTS][:admitted])
        if bond:
            for index in AGGREGATORS[:size]:
                self.act(index, DepositBond(bond))
        self.move_on(head_start, 0)

    @property
    def task(self) -> Any:
        return self.model.task

    @property
    def records(self) -> list[Any]:
        return [decode_log(log) for log in self.model.logs]

    # ------------------------------------------------------------------------------------ time

    @rule(seconds=st.integers(0, 8))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    def pass_time_to(self, moment: tuple[str, int] | None) -> None:
        if moment is None:
            return
        which, offset = moment
        self.now = max(self.now, DEADLINES[which](self.task) + offset)

    # --------------------------------------------------------------------------------- rounds

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        weight=st.sampled_from([1, 2, 10, 10, 1, 0, 11]),
        digest=digests,
        cid_digest=digests,
        apart=st.sampled_from([0, 0, 1, 6, 2**63, 2**128 - 1]),
        is_misled=st.sampled_from([False] * 5 + [True]),
    )
    def some_submit(
        self,
        moment: tuple[str, int] | None,
        actors: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        cid_digest: bytes,
        apart: int,
        is_misled: bool,
    ) -> None:
        """Submit an update, masked where they are, or what the task takes for none."""
        self.pass_time_to(moment)
        what = self.number(lag), digest, cid_digest, weight
        is_masked = self.task.is_masked != is_misled
        for actor in actors:
            self.act(actor, SubmitMasked(*what, apart) if is_masked else SubmitUpdate(*what))

    @rule(
        moment=moments,
        actor=anybody,
        signers=st.lists(participants, max_size=5),
        lag=lags,
        weight=st.sampled_from([1, 2, 10, 10, 1, 0, 11]),
        digest=digests,
        cid_digest=digests,
        is_forged=st.sampled_from([False] * 9 + [True]),
    )
    def relay(
        self,
        moment: tuple[str, int] | None,
        actor: int,
        signers: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        cid_digest: bytes,
        is_forged: bool,
    ) -> None:
        self.pass_time_to(moment)
        number, what = self.number(lag), (digest, cid_digest, weight)
        message = compute_update_message(number, *what)
        updates = tuple(SignedUpdate(*what, self.sign(who, message, is_forged)) for who in signers)
        self.act(actor, SubmitBatch(number, updates))

    @rule(
        moment=moments,
        actor=aggregators,
        signers=st.lists(participants, max_size=6),
        lag=lags,
        weight=st.sampled_from([1, 2, 10, 10, 1, 0, 11]),
        digest=digests,
        is_forged=st.sampled_from([False] * 6 + [True]),
    )
    def some_list(
        self,
        moment: tuple[str, int] | None,
        actor: int,
        signers: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        is_forged: bool,
    ) -> None:
        self.pass_time_to(moment)
        number, entries = self.number(lag), [(who, weight, digest) for who in signers]
        self.act(
            actor, ListUpdates(number, len(signers), self.list_of(entries, is_forged), WORD[5])
        )

    def list_of(self, entries: list[tuple[int, int, bytes]], is_forged: bool = False) -> bytes:
        """Keep a list with such entries; return its digest."""
        number, found = self.task.current.round, []
        for who, weight, digest in entries:
            what = (digest, WORD[2], weight)
            message = compute_update_message(number, *what)
            update = SignedUpdate(*what, self.sign(who, message, is_forged))
            found.append(ListEntry(PEOPLE[who], update))
        if not found:
            return WORD[6]
        return CONTENTS.add(encode_update_list(UpdateList("00" * 32, number, tuple(found))))

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        weight=st.sampled_from([1, 5, 5, 5, 10, 0, 11]),
        digest=digests,
        copies=st.sampled_from([0] * 9 + [1]),
    )
    def some_commit(
        self,
        moment: tuple[str, int] | None,
        actors: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        copies: int,
    ) -> None:
        """Commit to something, sometimes to what is the neighbour's to reveal."""
        self.pass_time_to(moment)
        for actor in actors:
            update = digest, WORD[2], weight
            whose = max(0, actor - copies)
            commitment = self.commitment_of(whose, self.number(lag), update)
            if self.act(actor, CommitUpdate(self.number(lag), commitment)):
                self.chosen[actor] = update

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        lie=st.sampled_from([""] * 8 + ["digest", "weight", "salt"]),
    )
    def some_reveal(
        self, moment: tuple[str, int] | None, actors: list[int], lag: int, lie: str
    ) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            digest, cid_digest, weight = self.update_of(actor)
            digest = MODEL if lie == "digest" else digest
            weight = weight + 1 if lie == "weight" else weight
            salt = WORD[4] if lie == "salt" else WORD[3]
            self.act(actor, RevealUpdate(self.number(lag), digest, cid_digest, weight, salt))

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        cid_digest=digests,
    )
    def some_unmask(
        self, moment: tuple[str, int] | None, actors: list[int], lag: int, cid_digest: bytes
    ) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            self.act(actor, Unmask(self.number(lag), cid_digest))

    @rule(steps=st.integers(1, 4), offset=st.sampled_from([-1, 0, 0]))
    def move_on(self, steps: int, offset: int) -> None:
        """Do what the phase asks for, so that tasks get somewhere."""
        for _ in range(steps):
            self.do_what_is_due(offset, MODEL)

    def do_what_is_due(self, offset: int, model: bytes) -> None:
        number = self.task.current.round
        match self.task.phase(self.now):
            case Phase.SCHEDULED:
                self.seed_in_time()
                self.pass_time_to(("opening", offset))
            case Phase.COMMITTING:
                for actor in PARTICIPANTS:
                    update = CONTENTS.updates[actor % 3], WORD[2], actor
                    commitment = self.commitment_of(actor, number, update)
                    if self.act(actor, CommitUpdate(number, commitment)):
                        self.chosen[actor] = update
                if self.task.phase(self.now) == Phase.COMMITTING:
                    self.pass_time_to(("end of commitments", 1))
            case Phase.COLLECTING:
                entries = [(who, 1 + who % 3, CONTENTS.updates[who % 3]) for who in PARTICIPANTS]
                if self.task.has_lists and self.task.parameters.target_updates >= 3:
                    listed = ListUpdates(number, 3, self.list_of(entries[:3]), WORD[5])
                    self.act(AGGREGATORS[0], listed)
                for actor in (*PARTICIPANTS, *SUCCESSORS):
                    self.act(actor, self.honest_update(actor))
                if self.task.phase(self.now) == Phase.COLLECTING:
                    self.pass_time_to(("end of collection", 1))
            case Phase.UNMASKING:
                for actor in (*PARTICIPANTS, *SUCCESSORS):
                    self.act(actor, Unmask(number, WORD[10]))
                if self.task.phase(self.now) == Phase.UNMASKING:
                    self.pass_time_to(("end of unmasking", 1))
            case Phase.AGGREGATING:
                if offset:
                    self.pass_time_to(("end of turns", 0))
                for actor in AGGREGATORS:
                    self.act(actor, Propose(number, model, WORD[8], self.report(), WORD[9]))
            case Phase.PROPOSED:
                self.pass_time_to(("end of window", offset))
                self.act(STRANGER, Finalize(number))
            case Phase.EXPIRED:
                self.act(STRANGER, Abort(number))

    def seed_in_time(self) -> None:
        """Let the aggregators of a round that is scheduled commit and reveal, if they have to."""
        members = self.task.committee.members
        if not self.task.is_sampled:
            return
        if not self.task.is_fixed(self.now):
            for actor in AGGREGATORS:
                if PEOPLE[actor] in members:
                    self.commit_anew(actor)
        self.pass_time_to(("first secret", 0))
        for actor in AGGREGATORS:
            self.reveal_next(actor, self.task.current.round)

    def commit_anew(self, actor: int) -> None:
        number = len(self.records)
        words = compute_chain(bytes([actor]) * 16 + number.to_bytes(16), 6)
        if self.act(actor, CommitSeeds(words[-1])):
            self.secrets[actor] = words

    def reveal_next(self, actor: int, number: int, offset: int = 1) -> None:
        """Reveal the word before the tip, or one at another distance from it."""
        words = self.secrets.get(actor, [WORD[2], WORD[3]])
        chain = self.task.seed_chains.get(PEOPLE[actor], SeedChain())
        place = words.index(chain.tip) if chain.tip in words else 0
        self.act(actor, RevealSeed(number, words[max(0, place - offset)]))

    @rule(
        moment=moments,
        actors=st.lists(aggregators, min_size=1, max_size=3),
        is_zero=st.sampled_from([False] * 9 + [True]),
    )
    def some_commit_seeds(
        self, moment: tuple[str, int] | None, actors: list[int], is_zero: bool
    ) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            if is_zero:
                self.act(actor, CommitSeeds(NO_MIX))
            else:
                self.commit_anew(actor)

    @rule(
        moment=moments,
        actors=st.lists(aggregators, min_size=1, max_size=3),
        lag=lags,
        offset=st.sampled_from([1] * 8 + [0, 2]),
    )
    def some_reveal_seeds(
        self, moment: tuple[str, int] | None, actors: list[int], lag: int, offset: int
    ) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            self.reveal_next(actor, self.number(lag), offset)

    def reach_a_proposal(self, model: bytes) -> None:
        for _ in range(8):
            if self.task.phase(self.now) != Phase.PROPOSED:
                self.do_what_is_due(0, model)

    @rule(moment=moments, actor=aggregators, lag=lags, model=models, report=reports)
    def propose(
        self,
        moment: tuple[str, int] | None,
        actor: int,
        lag: int,
        model: bytes,
        report: str,
    ) -> None:
        self.pass_time_to(moment)
        digest = self.report(report)
        self.act(actor, Propose(self.number(lag), model, WORD[8], digest, WORD[9]))

    @rule(moment=moments, actor=anybody, lag=lags)
    def finalize(self, moment: tuple[str, int] | None, actor: int, lag: int) -> None:
        self.pass_time_to(moment)
        self.act(actor, Finalize(self.number(lag)))

    @rule(moment=moments, actor=anybody, lag=lags)
    def abort(self, moment: tuple[str, int] | None, actor: int, lag: int) -> None:
        self.pass_time_to(moment)
        self.act(actor, Abort(self.number(lag)))

    @rule(actor=coordinators, luck=st.integers(0, 5))
    def stop(self, actor: int, luck: int) -> None:
        if not luck:  # or most tasks would end here
            self.act(actor, Stop())

    @rule(actor=coordinators, seconds=st.sampled_from([0, 1, 5, 30]), luck=st.integers(0, 2))
    def pause(self, actor: int, seconds: int, luck: int) -> None:
        if not luck and not self.task.is_over:
            self.act(actor, Pause(seconds))

    # ------------------------------------------------------------------------------- committee

    @rule(
        actor=anybody,
        proposed=st.sampled_from([None, MODEL, OTHER, OTHER]),
        signers=st.lists(aggregators, min_size=1, max_size=3),
        lag=lags,
        model=models,
        is_standing=st.sampled_from([False, False, True]),
        is_forged=st.sampled_from([False] * 9 + [True]),
    )
    def attest(
        self,
        actor: int,
        proposed: bytes | None,
        signers: list[int],
        lag: int,
        model: bytes,
        is_standing: bool,
        is_forged: bool,
    ) -> None:
        if proposed is not None:
            self.reach_a_proposal(proposed)
        digests = (model, self.report())
        history = self.task.rounds.get(self.task.current.round)
        if is_standing and history and history.proposal:
            digests = (history.proposal.model_digest, history.proposal.report_digest)
        number = self.number(lag)
        signatures = tuple(self.sign_result(who, number, *digests, is_forged) for who in signers)
        self.act(actor, Attest(number, *digests, signatures))

    @rule(
        order=st.permutations(AGGREGATORS),
        proposed=st.sampled_from([MODEL, OTHER]),
        attested=st.sampled_from([MODEL, OTHER]),
        count=st.integers(1, 3),
    )
    def vote(self, order: list[int], proposed: bytes, attested: bytes, count: int) -> None:
        """Attest as committees do: everybody once, to the same result, some with bonds again."""
        self.deposit_again()
        self.reach_a_proposal(proposed)
        number = self.task.current.round
        for who in order[:count]:
            signature = self.sign_result(who, number, attested, self.report())
            self.act(who, Attest(number, attested, self.report(), (signature,)))

    @rule(
        actor=anybody,
        signers=st.tuples(aggregators, aggregators, st.booleans()),
        lags=st.tuples(lags, lags),
        models=st.tuples(models, models),
    )
    def prove_equivocation(
        self,
        actor: int,
        signers: tuple[int, int, bool],
        lags: tuple[int, int],
        models: tuple[bytes, bytes],
    ) -> None:
        one, other, is_same = signers
        attestations = [
            Attestation(number, model, WORD[7], self.sign_result(who, number, model, WORD[7]))
            for who, number, model in zip(
                (one, one if is_same else other), map(self.number, lags), models, strict=True
            )
        ]
        self.act(actor, ProveEquivocation(*attestations))

    @rule()
    def deposit_again(self) -> None:
        """Let those who are short of a bond have one."""
        for person, member in self.task.committee.members.items():
            if member.bond < self.task.parameters.bond:
                self.act(person, DepositBond(self.task.parameters.bond))

    @rule(actor=aggregators, wei=st.sampled_from([0, 1, 5, ETHER, None, None]))
    def deposit(self, actor: int, wei: int | None) -> None:
        self.act(actor, DepositBond(self.task.parameters.bond if wei is None else wei))

    @rule(moment=moments, actor=aggregators)
    def withdraw(self, moment: tuple[str, int] | None, actor: int) -> None:
        self.pass_time_to(moment)
        self.act(actor, WithdrawBond())

    @rule(actor=anybody, wei=st.sampled_from([0, 1, 90, 90, 300]))
    def fund(self, actor: int, wei: int) -> None:
        self.act(actor, FundPot(wei))

    @rule(
        actor=anybody,
        lag=st.sampled_from([-3, -2, -1, -1, -1, 0]),
        part=st.sampled_from([0, 0, 0, 0, 1]),
        lie=st.sampled_from([""] * 6 + ["digest", "count", "chunk"]),
    )
    def pay(self, actor: int, lag: int, part: int, lie: str) -> None:
        number = self.number(lag)
        payroll = self.task.payrolls.get(number, Payroll(MODEL, 1, 0, 0))
        digest = OTHER if lie == "digest" else payroll.report_digest
        count = payroll.num_updates + (lie == "count")
        chunk = 1 if lie == "chunk" else 2 + part
        opening = CONTENTS.open(payroll.report_digest, chunk)
        self.act(actor, PayRewards(number, digest, count, part, opening))

    @rule(actor=st.sampled_from([COORDINATOR, COORDINATOR, STRANGER]))
    def reclaim(self, actor: int) -> None:
        self.act(actor, ReclaimPot())

    @rule(actor=anybody)
    def claim(self, actor: int) -> None:
        self.act(actor, ClaimPayout())
        for person, wei in list(self.task.committee.payouts.items()):
            if wei:
                self.act(person, ClaimPayout())

    def sign_result(
        self, who: int, number: int, model: bytes, report: bytes, is_forged: bool = False
    ) -> Signature:
        return self.sign(who, compute_result(number, model, report), is_forged)

    def sign(self, who: int, message: bytes, is_forged: bool) -> Signature:
        chain_id = self.chain.chain_id + is_forged
        return sign_hash(KEYS[who], compute_signing_hash(chain_id, self.ledger, message))

    # -------------------------------------------------------------------------------- disputes

    @rule(
        challenger=anybody,
        proposed=st.sampled_from([MODEL, OTHER]),
        question=st.sampled_from([*Question, Question.VALUE, Question.VALUE]),
        position=st.sampled_from([0, 0, 1, 2, 3, 255, 256, NUM_VALUES - 1, NUM_VALUES]),
        excess=st.sampled_from([0] * 9 + [-1, 1]),
        moves=st.lists(st.sampled_from(MOVES), max_size=7),
    )
    def dispute(
        self,
        challenger: int,
        proposed: bytes,
        question: Question,
        position: int,
        excess: int,
        moves: list[str],
    ) -> None:
        self.deposit_again()
        self.reach_a_proposal(proposed)
        wei = max(0, self.task.parameters.bond + excess)
        self.act(challenger, Challenge(self.task.current.round, question, position, wei))
        for move in moves:
            self.move(move)

    @rule(
        who=anybody,
        question=st.sampled_from([Question.HEADER, Question.VALUE, Question.STATUS]),
        position=st.sampled_from([0, 0, 1, 255, 256]),
        moves=st.lists(st.sampled_from(MOVES), min_size=3, max_size=9),
    )
    def whole_dispute(self, who: int, question: Question, position: int, moves: list[str]) -> None:
        """Play a dispute to its end, mostly."""
        self.dispute(who, MODEL, question, position, 0, moves)

    @rule(moves=st.lists(st.sampled_from(MOVES), min_size=1, max_size=3))
    def some_moves(self, moves: list[str]) -> None:
        for move in moves:
            self.move(move)

    @rule(actor=anybody, sequence=st.integers(0, 3), kind=st.sampled_from(["short", "strange"]))
    def prove_omission(self, actor: int, sequence: int, kind: str) -> None:
        number = self.task.current.round
        if self.task.phase(self.now) == Phase.AGGREGATING:
            digest = self.report(kind)
            for aggregator in AGGREGATORS:
                self.act(aggregator, Propose(number, MODEL, WORD[8], digest, WORD[9]))
        opening = CONTENTS.open(self.task.proposal.report_digest, 1)
        self.act(actor, ProveOmission(number, sequence, opening))

    def move(self, how: str) -> None:
        """Make the move that is awaited, or another one if ``how`` says so."""
        task, number = self.task, self.task.current.round
        dispute, proposer = task.dispute, task.proposal.proposer
        history = task.rounds.get(number)
        if not history or not history.proposal:
            return
        if dispute.stage == Stage.NONE and how != "wrong stage":
            return
        if how in ("late", "last second"):
            self.now = max(self.now, dispute.until + (how == "late"))
        if how == "silence":
            self.now = max(self.now, dispute.until + 1)
            self.act(STRANGER, ConcludeDispute(number))
            return
        model, chunk = history.proposal.model_digest, 1 + 4 * dispute.position // 1024
        base = task.base_digest
        if how == "wrong content":
            model, base = base, model
        if how == "wrong chunk":
            chunk += 1
        mover = PEOPLE[STRANGER] if how == "stranger" else proposer
        stage = Stage.SINGLE if how == "wrong stage" else dispute.stage
        match stage, dispute.question:
            case Stage.ASKED, Question.HEADER:
                genesis = CONTENTS.open(CONTENTS.genesis, chunk - 1)
                opening = CONTENTS.open(model, chunk - 1)
                self.act(mover, AnswerHeader(number, genesis, opening))
            case Stage.ASKED, Question.STATUS:
                opening = CONTENTS.open(task.proposal.report_digest, chunk)
                self.act(mover, AnswerStatus(number, opening))
            case Stage.ASKED, _:
                parts = self.claim_parts(how, base, model)
                openings = CONTENTS.open(base, chunk), CONTENTS.open(model, chunk)
                self.act(mover, AnswerValue(number, *openings, parts))
            case Stage.SPLIT, _:
                mover = PEOPLE[STRANGER] if how == "stranger" else dispute.challenger
                parts = task.claimed_parts if how != "wrong content" else (7,) * 32
                part = min(len(how) % 3, dispute.count - (how != "wrong chunk"))
                self.act(mover, SelectPart(number, part, parts))
            case Stage.SELECTED, _:
                parts = pack_parts([dispute.claim, Contribution(0, 0)])
                self.act(mover, SplitPart(number, parts))
            case _:
                self.decide(how)

    def claim_parts(self, how: str, base: bytes, model: bytes) -> tuple[int, ...]:
        """Return claims that lead to the proposed value: the truth is none of them, mostly."""
        offset = 4 * self.task.dispute.position
        step = CONTENTS.read(model, offset, 4) - CONTENTS.read(base, offset, 4)
        parts = [Contribution(3, step), Contribution(5, 0)]
        if how == "wrong sum":
            parts[1] = Contribution(5, 9)
        if how == "stray":
            parts += [Contribution(0, 0)] * 29 + [Contribution(1, 0)]
        if self.task.current.num_updates == 1:
            parts = [Contribution(8, step), *parts[2:]]
        return pack_parts(parts)

    def decide(self, how: str) -> None:
        task, number = self.task, self.task.current.round
        dispute, history = task.dispute, task.rounds[number]
        report = CONTENTS.open(task.proposal.report_digest, 1 + (how == "wrong chunk"))
        chunk = 1 + 2 * dispute.position // 1024
        sequence = dispute.first + (how == "wrong content")
        found = [one for one in history.updates if one.sequence == sequence]
        if update := next(iter(found or history.updates), None):
            what = (update.digest, update.cid_digest, update.weight, update.timestamp)
            record = UpdateRecord(update.participant, *what)
            lane = CONTENTS.open(update.digest, chunk)
            self.act(STRANGER, DecideUpdate(number, record, report, lane))
        for listed in history.lists:
            if self.task.dispute.stage == Stage.SINGLE:
                self.decide_listed(listed, sequence, report, chunk)

    def decide_listed(
        self, listed: UpdatesListed, sequence: int, report: Opening, chunk: int
    ) -> None:
        digests = listed.digest, listed.cid_digest
        record = ListRecord(
            listed.aggregator, listed.first, listed.count, *digests, listed.timestamp
        )
        position = max(0, sequence - listed.first)
        opening = CONTENTS.open(listed.digest, 1 + position // 4)
        entry = opening.chunk[256 * (position % 4) :][:256]
        lane = CONTENTS.open(entry[32:64], chunk)
        number = self.task.current.round
        self.act(STRANGER, DecideListedUpdate(number, record, opening, report, lane))

    # ---------------------------------------------------------------------------- participants

    @rule(actor=coordinators, who=st.lists(participants, min_size=1, max_size=2))
    def admit(self, actor: int, who: list[int]) -> None:
        self.act(actor, Admit(tuple(PEOPLE[i] for i in who)))

    @rule(actor=anybody, who=participants)
    def remove(self, actor: int, who: int) -> None:
        self.act(actor, Remove(PEOPLE[who]))

    @rule(actor=anybody)
    def remove_the_revoked(self, actor: int) -> None:
        for person in sorted(self.task.admitted):
            if not self.people.state.is_enrolled(person):
                self.act(actor, Remove(person))

    @rule(actor=coordinators, who=participants, luck=st.integers(0, 2))
    def revoke(self, actor: int, who: int, luck: int) -> None:
        if not luck:
            self.act_in_registry(actor, Revoke((PEOPLE[who],)))

    @rule(
        actor=st.sampled_from([None, None, COORDINATOR, STRANGER]),
        who=participants,
        successor=st.sampled_from([*SUCCESSORS] * 3 + [*PARTICIPANTS]),
        is_forged=st.sampled_from([False] * 9 + [True]),
        is_followed=st.booleans(),
    )
    def rotate(
        self, actor: int | None, who: int, successor: int, is_forged: bool, is_followed: bool
    ) -> None:
        keys = PEOPLE[who], PEOPLE[successor]
        message = compute_succession(*keys)
        chain_id = self.chain.chain_id + is_forged
        signed = compute_signing_hash(chain_id, self.registry, message)
        rotation = Rotate(*keys, sign_hash(KEYS[successor], signed))
        self.act_in_registry(who if actor is None else actor, rotation)
        if is_followed:
            self.act(STRANGER, Succeed(PEOPLE[who]))

    @rule(actor=anybody, who=participants)
    def succeed(self, actor: int, who: int) -> None:
        self.act(actor, Succeed(PEOPLE[who]))

    @rule(actor=anybody)
    def succeed_all(self, actor: int) -> None:
        for participant in self.people.state.successors:
            self.act(actor, Succeed(participant))

    def act_in_registry(self, actor: int, action: RegistryAction) -> None:
        """Try an action on the registry and on its model."""
        before, error = len(self.people.records), ""
        try:
            self.people.carry_out(PEOPLE[actor], action)
        except TransactionRejected as refusal:
            error = refusal.error
        records = self.try_action(actor, self.registry, action, error)
        assert records == self.people.records[before:]

    # ------------------------------------------------------------------------------ agreement

    @invariant()
    def they_agree(self) -> None:
        if not self.is_created:
            return
        task = self.task
        numbers = [*range(task.current.round + 2), 2**32 - 1]
        members = task.committee.members
        calls: list[tuple[Any, ...]] = [("historyHash",), ("currentRound",)]
        calls += [("proposal",), ("dispute",), ("committing",), ("seeding",), ("unmasking",)]
        calls += [("participantOf", PEOPLE[index]) for index in PARTICIPANTS]
        calls += [("aggregatorOf", person) for person in members]
        calls += [("payoutOf", person) for person in PEOPLE]
        calls += [("participantOf", person) for person in PEOPLE]
        calls += [("listingOf", person) for person in members]
        calls += [("seedChainOf", person) for person in PEOPLE]
        calls += [("lotOf", person) for person in PEOPLE]
        charged = PEOPLE if task.has_budget else PEOPLE[:1]
        calls += [("privacySpentOf", person) for person in charged]
        calls += [("pot",), *(("payrollOf", number) for number in numbers)]
        calls += [("seedOf", number) for number in numbers]
        calls += [("phaseOf", number) for number in numbers]
        answers = self.views(calls)
        history, current, proposal, dispute, committing, seeding, unmasking, *others = answers
        assert history == compute_history_hash(self.chain.chain_id, self.ledger, self.records)
        types = ["uint32"] * 4 + ["uint40"] * 3 + ["bool"]
        assert decode(types, current) == astuple(task.current)
        types = ["uint32", "address", "uint40", "uint8", "uint8", "bytes32"]
        assert encode(types, list(astuple(task.proposal))) == proposal
        assert b"".join(encode_words(task.dispute)) == dispute
        assert b"".join(encode_words(task.committing)) == committing
        assert b"".join(encode_words(task.seeding)) == seeding
        assert b"".join(encode_words(task.unmasking)) == unmasking
        for index in PARTICIPANTS:
            words = decode(["bool", "uint32", "uint32", "bytes32"], others.pop(0))
            assert words == (PEOPLE[index] in task.admitted, *self.last_sign_of(PEOPLE[index]))
        types = ["uint32", "uint32", "uint40", "uint32", "uint96", "bytes32"]
        for member in members.values():
            assert decode(types, others.pop(0)) == astuple(member)
        for person in PEOPLE:
            assert int.from_bytes(others.pop(0)) == task.committee.payouts.get(person, 0)
        for person in PEOPLE:
            is_admitted, last_round, *_ = decode(["bool", "uint32"], others.pop(0)[:64])
            assert is_admitted == (person in task.admitted)
            assert last_round == task.last_round_of.get(person, 0)
        for person in members:
            assert decode(["uint32", "bytes32"], others.pop(0)) == self.last_list_of(person)
        for person in PEOPLE:
            chain = task.seed_chains.get(person, SeedChain())
            assert b"".join(encode_words(chain)) == others.pop(0)
        for person in PEOPLE:
            lot = task.lots.get(person, Lot("0x" + "00" * 20, 0))
            assert b"".join(encode_words(lot)) == others.pop(0)
        for person in charged:
            assert int.from_bytes(others.pop(0)) == task.spent(person)
        assert int.from_bytes(others.pop(0)) == task.pot
        for number in numbers:
            payroll = task.payrolls.get(number)
            expected = (bytes(32), 0, 0)
            if payroll:
                expected = (payroll.content, payroll.left, len(payroll.unpaid))
            assert decode(["bytes32", "uint96", "uint32"], others.pop(0)) == expected
        for number in numbers:
            seed = task.seed_of(number, self.now) if number == task.current.round else None
            assert (seed or bytes(32)) == others.pop(0)
        assert [Phase(int.from_bytes(phase)) for phase in others] == [
            task.phase_of(number, self.now) for number in numbers
        ]

    @invariant()
    def a_line_submits_once_a_round(self) -> None:
        if not self.is_created:
            return
        origin = self.people.state.origin
        for history in self.task.rounds.values():
            lines = [origin(update.participant) for update in history.updates]
            assert len(set(lines)) == len(lines)
        assert len({origin(person) for person in self.task.admitted}) == len(self.task.admitted)

    @invariant()
    def seeds_are_told_once_and_by_those_alone_whose_update_is_on_record(self) -> None:
        if not self.is_created:
            return
        for history in self.task.rounds.values():
            told = [record.participant for record in history.unmaskings]
            assert len(set(told)) == len(told)
            assert set(told) <= {update.participant for update in history.updates}

    @invariant()
    def every_update_was_paid_for(self) -> None:
        """By its line, under the key that this one has now, and never beyond the budget."""
        if not self.is_created:
            return
        task, origin = self.task, self.people.state.origin
        cost, budget = task.parameters.privacy_cost, task.parameters.privacy_budget
        paid = Counter(origin(u.participant) for h in task.rounds.values() for u in h.updates)
        spent = Counter[str]()
        for person in PEOPLE:
            assert 0 <= task.spent(person) <= budget
            spent[origin(person)] += task.spent(person)
        assert spent == Counter({line: cost * number for line, number in paid.items()})

    @invariant()
    def money_is_all_there(self) -> None:
        if not self.is_created:
            return
        committee = self.task.committee
        balance = int(self.chain.call("eth_getBalance", self.ledger, "latest"), 16)
        due = sum(committee.payouts.get(person, 0) for person in PEOPLE)
        due += sum(member.bond for member in committee.members.values())
        if self.task.dispute.stage != Stage.NONE:
            due += self.task.parameters.bond
        due += self.task.pot + sum(payroll.left for payroll in self.task.payrolls.values())
        assert balance == self.paid_in >= due

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
            self.now = max(self.now, due)
            match self.task.phase(self.now):
                case Phase.PROPOSED:
                    self.act(STRANGER, Finalize(number))
                case Phase.CHALLENGED:
                    self.act(STRANGER, ConcludeDispute(number))
                case Phase.EXPIRED:
                    self.act(STRANGER, Abort(number))
        self.they_agree()

    # --------------------------------------------------------------------------------- helpers

    def honest_update(self, actor: int) -> SubmitUpdate | RevealUpdate | SubmitMasked:
        number = self.task.current.round
        if self.task.is_masked:
            return SubmitMasked(
                number, CONTENTS.updates[actor % 3], WORD[2], min(actor, 10), actor % 2
            )
        if self.task.parameters.commit_seconds:
            return RevealUpdate(number, *self.update_of(actor), WORD[3])
        return SubmitUpdate(number, CONTENTS.updates[actor % 3], WORD[2], min(actor, 10))

    def update_of(self, actor: int) -> tuple[bytes, bytes, int]:
        return self.chosen.get(actor, (CONTENTS.updates[0], WORD[2], 5))

    def commitment_of(self, actor: int, number: int, update: tuple[bytes, bytes, int]) -> bytes:
        place = self.chain.chain_id, self.ledger, number, PEOPLE[actor]
        return compute_commitment(*place, *update, WORD[3])

    def last_sign_of(self, person: str) -> tuple[int, int, bytes]:
        """Round, sequence and proof of the last commitment or update, by the records alone."""
        none: tuple[int, int, bytes] = (0, 0, bytes(32))
        last: dict[str, tuple[int, int, bytes]] = {}
        for record in self.records:
            match record:
                case UpdateCommitted(participant=who):
                    last[who] = record.round, PENDING, record.commitment
                case UpdateSubmitted(participant=who):
                    last[who] = record.round, record.sequence, compute_record_hash(record)
                case ParticipantSucceeded(participant=former, successor=who):
                    last[who] = last.get(former, none)[0], 0, bytes(32)
        number, sequence, proof = last.get(person, none)
        return number, sequence, proof[:RECORD_PREFIX_BYTES].ljust(32, b"\0")

    def last_list_of(self, person: str) -> tuple[int, bytes]:
        last = (0, bytes(32))
        for record in self.records:
            if isinstance(record, UpdatesListed) and record.aggregator == person:
                proof = compute_record_hash(record)[:LISTING_PREFIX_BYTES]
                last = record.round, proof.ljust(32, b"\0")
        return last

    def report(self, kind: str = "right") -> bytes:
        rewards = REWARDS if self.task.parameters.reward else ()
        return CONTENTS.report(self.task.current.num_updates, kind, rewards)

    def number(self, lag: int) -> int:
        return max(0, self.task.current.round + lag)

    def act(self, actor: int | str, action: LedgerAction) -> bool:
        """Try an action on both; they do the same, or refuse for the same reason."""
        sender = PEOPLE[actor] if isinstance(actor, int) else actor
        before, error = len(self.model.logs), ""
        due = self.task.committee.payouts.get(sender, 0)
        try:
            self.model.carry_out(sender, action)
        except TransactionRejected as refusal:
            error = refusal.error
        wei = action.wei if isinstance(action, DepositBond | Challenge | FundPot) else 0
        records = self.try_action(PEOPLE.index(sender), self.ledger, action, error, wei)
        assert records == self.records[before:]
        if not error:
            self.paid_in += wei - (due if isinstance(action, ClaimPayout) else 0)
        return not error

    def try_action(
        self,
        actor: int,
        contract: str,
        action: LedgerAction | RegistryAction,
        error: str,
        wei: int = 0,
    ) -> list[Any]:
        """Send an action at the present time; return its records, none when it is refused."""
        call = {
            "from": PEOPLE[actor],
            "to": contract,
            "data": "0x" + encode_action(action).hex(),
            "gas": hex(2_000_000),
            "value": hex(wei),
        }
        if error:
            with pytest.raises(RpcError) as caught:
                self.chain.call("eth_call", call, "latest", {}, {"time": hex(self.now)})
            assert decode_error(caught.value.data)[0] == error
            return []
        return read_records(self.send(call))

    def deploy(self, code: bytes) -> Any:
        sender = PEOPLE[COORDINATOR]
        return self.send({"from": sender, "data": "0x" + code.hex(), "gas": hex(12_000_000)})

    def send(self, transaction: dict[str, str]) -> Any:
        """Mine one transaction at the present time and return its receipt."""
        self.chain.call("evm_setNextBlockTimestamp", self.now)
        transaction_hash = self.chain.call("eth_sendTransaction", transaction)
        receipt = None
        while receipt is None:
            receipt = self.chain.call("eth_getTransactionReceipt", transaction_hash)
        assert receipt["status"] == "0x1"
        return receipt

    def views(self, calls: list[tuple[Any, ...]]) -> list[bytes]:
        """Return what view functions answer at the present time."""
        answers = self.chain.batch(
            [
                (
                    "eth_call",
                    (
                        {"to": self.ledger, "data": "0x" + encode_view(*call).hex()},
                        "latest",
                        {},
                        {"time": hex(self.now)},
                    ),
                )
                for call in calls
            ]
        )
        return [bytes.fromhex(answer[2:]) for answer in answers]


def read_records(receipt: Any) -> list[Any]:
    return [decode_log(log) for log in read_logs(receipt["logs"])]


@pytest.mark.timeout(1500)
def test_contract_and_model_agree_whatever_happens(anvil_rpc_url: str) -> None:
    chain = ChainConnection(anvil_rpc_url)
    chain.call("anvil_autoImpersonateAccount", True)
    finalized: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: ContractAndModel(chain, finalized),
        settings=settings(
            max_examples=1000 if IS_EXPLORING else 100,
            stateful_step_count=40,
            # To shrink a failure takes minutes; HYPOTHESIS_PROFILE=explore has the time.
            phases=tuple(HypothesisPhase) if IS_EXPLORING else (HypothesisPhase.generate,),
        ),
    )
    # Steps that lead nowhere would agree as well.
    assert min(finalized[kind] for kind in ("masks", "a seed", "neither")) > 0, finalized
    chain.call("anvil_autoImpersonateAccount", False)
