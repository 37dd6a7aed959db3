"""One task on chain and the same task in Python: what is done to one is done to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eth_account import Account
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from fl_chain.chain.contracts import DISPUTES, LEDGER, encode_creation, encode_registry_creation
from fl_chain.chain.keys import sign_hash
from fl_chain.chain.memory import MemoryChain
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import (
    Challenge,
    ClaimPayout,
    DepositBond,
    FundPot,
    LedgerAction,
    RegistryAction,
)
from fl_chain.protocol.attestation import Signature, compute_result, compute_signing_hash
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.records import TaskParameters
from fl_chain.protocol.rewards import NO_REWARD, Reward
from tests.stateful.contents import Contents
from tests.stateful.stepped_chain import SteppedChain

COORDINATOR, STRANGER = 0, 1
AGGREGATORS = range(2, 5)
PARTICIPANTS = range(5, 10)
SUCCESSORS = range(10, 13)
KEYS = [Account.from_key((2**210 + index).to_bytes(32)) for index in range(13)]
PEOPLE = [str(key.address).lower() for key in KEYS]
WORD = [bytes([i]) * 32 for i in range(16)]
CONTENTS = Contents()
MODEL, OTHER = CONTENTS.model, CONTENTS.other
REWARDS = (Reward(PEOPLE[5], 20), NO_REWARD, Reward(PEOPLE[6], 31), Reward(PEOPLE[5], 1))
"""What reports say in a task with rewards: sometimes more than a round may cost."""

anybody = st.sampled_from(range(10))
participants = st.sampled_from([*PARTICIPANTS, *PARTICIPANTS, *SUCCESSORS, STRANGER])
aggregators = st.sampled_from([*AGGREGATORS] * 4 + [COORDINATOR])
coordinators = st.sampled_from([COORDINATOR] * 4 + [AGGREGATORS[0], PARTICIPANTS[0]])
# Mostly the current round, sometimes one that is over or that is not yet.
lags = st.sampled_from([0] * 12 + [-1, 1, 2**31])
digests = st.sampled_from([*CONTENTS.updates * 5, bytes(32)])
weights = st.sampled_from([1, 2, 5, 10, 10, 1, 0, 11])
models = st.sampled_from([MODEL] * 6 + [OTHER] * 3 + [bytes(32)])
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
Moment = tuple[str, int] | None
"""Now, or so many seconds after a deadline."""
moments: st.SearchStrategy[Moment] = st.sampled_from(
    [None] * 8 + [(which, off) for which in DEADLINES for off in (-1, 0, 1)]
)


class SideBySide(RuleBasedStateMachine):
    """Does everything twice, and demands that it does the same."""

    def __init__(self, chain: SteppedChain) -> None:
        super().__init__()
        self.chain = chain
        self.is_created = False
        self.paid_in = 0
        """Wei that the ledger got and did not pay out."""

    def deploy(self, parameters: TaskParameters, num_aggregators: int) -> None:
        """Create registry, disputes and ledger; parameters name the first two by themselves."""
        creator = PEOPLE[COORDINATOR]
        self.registry, records = self.chain.deploy(creator, encode_registry_creation())
        self.people = MemoryRegistry(
            creator,
            clock=lambda: float(self.now),
            chain_id=self.chain.chain_id,
            address=self.registry,
        )
        assert records == self.people.records
        disputes, _ = self.chain.deploy(creator, encode_creation(DISPUTES))
        parameters = replace(parameters, registry=self.registry, disputes=disputes)
        seats = [PEOPLE[index] for index in AGGREGATORS][:num_aggregators]
        creation = encode_creation(LEDGER, parameters, seats)
        self.ledger, records = self.chain.deploy(creator, creation)
        self.model = MemoryChain(creator, parameters, seats, self.people, lambda: float(self.now))
        self.model.chain_id = self.chain.chain_id
        self.model.address = self.ledger
        assert records == self.records
        self.is_created = True

    @property
    def now(self) -> int:
        return self.chain.now

    @property
    def task(self) -> Any:
        return self.model.task

    @property
    def records(self) -> list[Any]:
        return [decode_log(log) for log in self.model.logs]

    def pass_time_to(self, moment: Moment) -> None:
        if moment is None:
            return
        which, offset = moment
        self.wait_until(DEADLINES[which](self.task) + offset)

    def wait_until(self, second: int) -> None:
        """Let it be some second, unless that is over."""
        self.chain.now = max(self.now, second)

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
        records = self.chain.try_action(sender, self.ledger, action, error, wei)
        assert records == self.records[before:]
        if not error:
            self.paid_in += wei - (due if isinstance(action, ClaimPayout) else 0)
        return not error

    def act_in_registry(self, actor: int, action: RegistryAction) -> None:
        """Try an action on the registry and on its model."""
        before, error = len(self.people.records), ""
        try:
            self.people.carry_out(PEOPLE[actor], action)
        except TransactionRejected as refusal:
            error = refusal.error
        records = self.chain.try_action(PEOPLE[actor], self.registry, action, error)
        assert records == self.people.records[before:]

    def sign_result(
        self, who: int, number: int, model: bytes, report: bytes, is_forged: bool = False
    ) -> Signature:
        return self.sign(who, compute_result(number, model, report), is_forged)

    def sign(self, who: int, message: bytes, is_forged: bool) -> Signature:
        chain_id = self.chain.chain_id + is_forged
        return sign_hash(KEYS[who], compute_signing_hash(chain_id, self.ledger, message))

    def report(self, kind: str = "right") -> bytes:
        rewards = REWARDS if self.task.parameters.reward else ()
        return CONTENTS.report(self.task.current.num_updates, kind, rewards)
