"""The contract and the Python state machine, driven side by side on a real chain.

Random people do random things at random times, mostly around deadlines, rightly and wrongly. After
every step contract and model agree on acceptance, on the name of the error, on every phase, on the
current round and on the history hash.
"""

from __future__ import annotations

import os
from copy import deepcopy
from dataclasses import astuple
from typing import Any

import pytest
from eth_abi import decode
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
    LEDGER,
    REGISTRY,
    decode_error,
    encode_action,
    encode_creation,
    encode_view,
)
from fl_chain.errors import InvalidTransition
from fl_chain.protocol.actions import (
    Abort,
    Admit,
    Enrol,
    Finalize,
    LedgerAction,
    Propose,
    RegistryAction,
    Remove,
    Revoke,
    Stop,
    SubmitUpdate,
)
from fl_chain.protocol.records import (
    LedgerRecord,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    TaskCreated,
    TaskParameters,
    TaskStopped,
    UpdateSubmitted,
    compute_history_hash,
    decode_log,
)
from fl_chain.protocol.round import Phase, Task

IS_EXPLORING = os.environ.get("HYPOTHESIS_PROFILE") == "explore"

COORDINATOR, AGGREGATOR, STRANGER = 0, 1, 2
PARTICIPANTS = range(3, 8)
WORD = [bytes([i]) * 32 for i in range(16)]

actors = st.sampled_from([COORDINATOR, AGGREGATOR, STRANGER, *PARTICIPANTS])
participants = st.sampled_from([*PARTICIPANTS, *PARTICIPANTS, STRANGER])
aggregators = st.sampled_from([AGGREGATOR] * 9 + [COORDINATOR])
coordinators = st.sampled_from([COORDINATOR] * 4 + [AGGREGATOR, PARTICIPANTS[0]])
# Mostly the current round, sometimes one that is over or that is not yet.
lags = st.sampled_from([0] * 12 + [-1, 1, 2**31])
digests = st.sampled_from([*WORD[1:5] * 5, bytes(32)])
# Now, or at a second around the end of collection, of aggregation or of the challenge window.
moments = st.sampled_from([None] * 4 + [(which, off) for which in range(3) for off in (-1, 0, 1)])


class ContractAndModel(RuleBasedStateMachine):
    """One task on chain, and the same task in Python."""

    def __init__(self, chain: ChainConnection) -> None:
        super().__init__()
        self.chain = chain
        self.accounts: list[str] = [a.lower() for a in chain.call("eth_accounts")]
        self.now = 0
        self.records: list[LedgerRecord] = []
        self.admitted: set[str] = set()
        self.enrolled: set[str] = set()

    @initialize(
        counts=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2)),
        windows=st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(0, 9)),
        admitted=st.integers(2, len(PARTICIPANTS)),
        head_start=st.integers(0, 10),
    )
    def create(
        self,
        counts: tuple[int, int, int],
        windows: tuple[int, int, int],
        admitted: int,
        head_start: int,
    ) -> None:
        num_rounds, minimum, spare = counts
        self.now = int(self.chain.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        self.registry = self.deploy(encode_creation(REGISTRY))["contractAddress"].lower()
        parameters = TaskParameters(
            self.registry,
            self.accounts[AGGREGATOR],
            *WORD[1:5],
            num_rounds,
            minimum,
            minimum + spare,
            10,
            *windows,
        )
        self.enrol(COORDINATOR, [*PARTICIPANTS])
        receipt = self.deploy(encode_creation(LEDGER, parameters))
        self.ledger = receipt["contractAddress"].lower()
        created, opened = map(decode_log, read_logs(receipt["logs"]))
        assert created == TaskCreated(self.accounts[COORDINATOR], parameters, self.now)
        assert opened == RoundOpened(1, 0, self.now)
        self.task = Task(created)
        self.records = [created]
        self.take([opened])
        self.admit(COORDINATOR, [*PARTICIPANTS][:admitted])
        self.move_on(head_start, 0)

    # ------------------------------------------------------------------------------------ time

    @rule(seconds=st.integers(0, 8))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    def pass_time_to(self, moment: tuple[int, int] | None) -> None:
        if moment is None:
            return
        which, offset = moment
        current, parameters = self.task.current, self.task.parameters
        collect_until = current.opened_at + parameters.collect_seconds
        deadlines = [
            collect_until,
            collect_until + parameters.aggregate_seconds,
            current.proposed_at + parameters.challenge_seconds,
        ]
        self.now = max(self.now, deadlines[which] + offset)

    # --------------------------------------------------------------------------------- actions

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        weight=st.sampled_from([1, 2, 10, 10, 1, 0, 11]),
        digest=digests,
        cid_digest=digests,
    )
    def some_submit(
        self,
        moment: tuple[int, int] | None,
        actors: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        cid_digest: bytes,
    ) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            self.submit(actor, lag, weight, digest, cid_digest)

    def submit(self, actor: int, lag: int, weight: int, digest: bytes, cid_digest: bytes) -> None:
        number = self.number(lag)
        action = SubmitUpdate(number, digest, cid_digest, weight)
        sender, sequence = self.accounts[actor], self.task.current.num_updates
        record = UpdateSubmitted(number, sender, sequence, digest, cid_digest, weight, self.now)
        self.act(actor, action, [record])

    @rule(steps=st.integers(1, 4), offset=st.sampled_from([-1, 0, 0]))
    def move_on(self, steps: int, offset: int) -> None:
        """Do what the phase asks for, so that tasks get somewhere."""
        for _ in range(steps):
            phase = self.task.phase(self.now)
            if phase == Phase.COLLECTING:
                for actor in PARTICIPANTS:
                    self.submit(actor, 0, 1, WORD[1], WORD[2])
                if self.task.phase(self.now) == Phase.COLLECTING:
                    self.pass_time_to((0, 1))
            elif phase == Phase.AGGREGATING:
                if offset:
                    self.pass_time_to((1, 0))
                self.propose(AGGREGATOR, 0, WORD[5])
            elif phase == Phase.PROPOSED:
                self.pass_time_to((2, offset))
                self.finalize(STRANGER, 0)
            elif phase == Phase.EXPIRED:
                self.abort(STRANGER, 0)

    @rule(moment=moments, actor=aggregators, lag=lags, digest=digests)
    def try_to_propose(
        self, moment: tuple[int, int] | None, actor: int, lag: int, digest: bytes
    ) -> None:
        self.pass_time_to(moment)
        self.propose(actor, lag, digest)

    def propose(self, actor: int, lag: int, digest: bytes) -> None:
        action = Propose(self.number(lag), digest, *WORD[6:9], 341)
        record = ModelProposed(*astuple(action), self.now)
        error = "" if actor == AGGREGATOR else "NotAggregator"
        self.act(actor, action, [record], error)

    @rule(moment=moments, actor=actors, lag=lags)
    def try_to_finalize(self, moment: tuple[int, int] | None, actor: int, lag: int) -> None:
        self.pass_time_to(moment)
        self.finalize(actor, lag)

    def finalize(self, actor: int, lag: int) -> None:
        number = self.number(lag)
        history = self.task.rounds.get(number)
        model = history.proposal.model_digest if history and history.proposal else WORD[1]
        records: list[LedgerRecord] = [RoundFinalized(number, model, self.now)]
        if self.task.current.num_finalized + 1 < self.task.parameters.num_rounds:
            records.append(RoundOpened(number + 1, number, self.now))
        self.act(actor, Finalize(number), records)

    @rule(moment=moments, actor=actors, lag=lags)
    def try_to_abort(self, moment: tuple[int, int] | None, actor: int, lag: int) -> None:
        self.pass_time_to(moment)
        self.abort(actor, lag)

    def abort(self, actor: int, lag: int) -> None:
        number, base = self.number(lag), self.task.current.base_round
        records = [RoundAborted(number, self.now), RoundOpened(number + 1, base, self.now)]
        error = ""
        if number == self.task.current.round and self.task.phase(self.now) != Phase.EXPIRED:
            error = "UnexpectedPhase"  # a record alone could be the first half of a stop
        self.act(actor, Abort(number), records, error)

    @rule(actor=coordinators, luck=st.integers(0, 5))
    def stop(self, actor: int, luck: int) -> None:
        if luck:  # or most tasks would end here
            return
        records = [RoundAborted(self.task.current.round, self.now), TaskStopped(self.now)]
        self.act(actor, Stop(), records, "" if actor == COORDINATOR else "NotCoordinator")

    # ---------------------------------------------------------------------------- participants

    @rule(actor=coordinators, who=st.lists(participants, min_size=1, max_size=2))
    def admit(self, actor: int, who: list[int]) -> None:
        people = [self.accounts[i] for i in who]
        records = [ParticipantAdmitted(person, self.now) for person in people]
        self.act(actor, Admit(tuple(people)), records, self.admission_error(actor, people))

    def admission_error(self, actor: int, people: list[str]) -> str:
        if actor != COORDINATOR:
            return "NotCoordinator"
        for position, person in enumerate(people):
            if person not in self.enrolled:
                return "NotEnrolled"
            if person in self.task.admitted or person in people[:position]:
                return "AlreadyAdmitted"
        return ""

    @rule(actor=actors, who=participants)
    def remove(self, actor: int, who: int) -> None:
        person = self.accounts[who]
        error = "StillEnrolled" if person in self.task.admitted & self.enrolled else ""
        self.act(actor, Remove(person), [ParticipantRemoved(person, self.now)], error)

    @rule(actor=actors)
    def remove_the_revoked(self, actor: int) -> None:
        for person in sorted(self.task.admitted - self.enrolled):
            self.remove(actor, self.accounts.index(person))

    @rule(actor=coordinators, who=participants, luck=st.integers(0, 2))
    def revoke(self, actor: int, who: int, luck: int) -> None:
        person = self.accounts[who]
        error = "NotEnrolled" if person not in self.enrolled else ""
        error = error if actor == COORDINATOR else "NotRegistrar"
        if not luck and self.try_action(actor, self.registry, Revoke((person,)), error):
            self.enrolled.discard(person)

    def enrol(self, actor: int, who: list[int]) -> None:
        people = tuple(self.accounts[i] for i in who)
        assert self.try_action(actor, self.registry, Enrol(people), "")
        self.enrolled.update(people)

    # ------------------------------------------------------------------------------ agreement

    @invariant()
    def they_agree(self) -> None:
        if not self.records:
            return
        current = self.task.current
        numbers = [*range(current.round + 2), 2**32 - 1]
        answers = self.view("historyHash"), self.view("currentRound")
        history, state = answers
        assert history == compute_history_hash(self.chain.chain_id, self.ledger, self.records)
        types = ["uint32"] * 4 + ["uint40"] * 2 + ["bool"]
        assert decode(types, state) == astuple(current)
        phases = self.views([("phaseOf", number) for number in numbers])
        assert [Phase(int.from_bytes(phase)) for phase in phases] == [
            self.task.phase_of(number, self.now) for number in numbers
        ]

    # --------------------------------------------------------------------------------- helpers

    def number(self, lag: int) -> int:
        return max(0, self.task.current.round + lag)

    def act(
        self, actor: int, action: LedgerAction, records: list[LedgerRecord], error: str = ""
    ) -> None:
        """Try an action of which the model expects `records`, or refuses with an error."""
        if not error:
            trial = deepcopy(self.task)
            try:
                for record in records:
                    trial.apply(record)
            except InvalidTransition as refusal:
                error = refusal.error
        logs = self.try_action(actor, self.ledger, action, error)
        if logs:
            assert logs == records
            self.take(logs)

    def take(self, records: list[Any]) -> None:
        for record in records:
            self.task.apply(record)
            self.records.append(record)

    def try_action(
        self, actor: int, contract: str, action: LedgerAction | RegistryAction, error: str
    ) -> list[Any]:
        """Send an action at the present time; return its records, none when it is refused."""
        call = {
            "from": self.accounts[actor],
            "to": contract,
            "data": "0x" + encode_action(action).hex(),
            "gas": hex(2_000_000),
        }
        if error:
            with pytest.raises(RpcError) as caught:
                self.chain.call("eth_call", call, "latest", {}, {"time": hex(self.now)})
            assert decode_error(caught.value.data)[0] == error
            return []
        return [decode_log(log) for log in read_logs(self.send(call)["logs"])]

    def deploy(self, code: bytes) -> Any:
        sender = self.accounts[COORDINATOR]
        return self.send({"from": sender, "data": "0x" + code.hex(), "gas": hex(8_000_000)})

    def send(self, transaction: dict[str, str]) -> Any:
        """Mine one transaction at the present time and return its receipt."""
        self.chain.call("evm_setNextBlockTimestamp", self.now)
        transaction_hash = self.chain.call("eth_sendTransaction", transaction)
        receipt = None
        while receipt is None:
            receipt = self.chain.call("eth_getTransactionReceipt", transaction_hash)
        assert receipt["status"] == "0x1"
        return receipt

    def view(self, function: str, *arguments: Any) -> bytes:
        return self.views([(function, *arguments)])[0]

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


def test_contract_and_model_agree_whatever_happens(anvil_rpc_url: str) -> None:
    chain = ChainConnection(anvil_rpc_url)
    run_state_machine_as_test(
        lambda: ContractAndModel(chain),
        settings=settings(
            max_examples=1000 if IS_EXPLORING else 100,
            stateful_step_count=40,
            # To shrink a failure takes minutes; HYPOTHESIS_PROFILE=explore has the time.
            phases=tuple(HypothesisPhase) if IS_EXPLORING else (HypothesisPhase.generate,),
        ),
    )
