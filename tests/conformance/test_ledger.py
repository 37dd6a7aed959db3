"""One suite for the seam to the chain, run against every implementation of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from fl_chain.chain.connection import MOST_CALLS, ChainConnection
from fl_chain.chain.devnet import faucet_account, start_chain_node
from fl_chain.chain.ethereum import Deployer, EthereumLedger, transfer
from fl_chain.chain.keys import sign_hash
from fl_chain.chain.ledger import Ledger, Receipt, Standing
from fl_chain.chain.memory import CHAIN_ID, MemoryChain
from fl_chain.chain.memory_ledger import MemoryLedger
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.errors import TransactionRejected, UsageError
from fl_chain.protocol.actions import (
    Abort,
    Admit,
    Attest,
    Challenge,
    ClaimPayout,
    CommitSeeds,
    CommitUpdate,
    DepositBond,
    Enrol,
    Finalize,
    FundPot,
    LedgerAction,
    ListUpdates,
    Pause,
    PayRewards,
    Propose,
    ProveEquivocation,
    ReclaimPot,
    RegistryAction,
    Remove,
    RevealSeed,
    RevealUpdate,
    Revoke,
    Rotate,
    SetEncryptionKey,
    Stop,
    SubmitBatch,
    SubmitMasked,
    SubmitUpdate,
    Succeed,
    Unmask,
    WithdrawBond,
)
from fl_chain.protocol.attestation import (
    Attestation,
    compute_result,
    compute_signing_hash,
    compute_succession,
)
from fl_chain.protocol.commitment import compute_commitment
from fl_chain.protocol.constants import NO_VALUES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.opening import open_chunk
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    AggregatorAppointed,
    BondDeposited,
    BondSlashed,
    BondWithdrawn,
    Fault,
    LedgerRecord,
    ModelAttested,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    ParticipantSucceeded,
    PayoutClaimed,
    PeersApart,
    PotReclaimed,
    ProposalChallenged,
    ProposalRejected,
    Question,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    TaskCreated,
    TaskParameters,
    TaskPaused,
    TaskStopped,
    UpdatesListed,
    UpdateSubmitted,
    UpdateUnmasked,
)
from fl_chain.protocol.report import RoundReport, encode_report
from fl_chain.protocol.rewards import Reward
from fl_chain.protocol.round import Task
from fl_chain.protocol.sampling import (
    compute_chain,
    compute_contribution,
    compute_seed,
    compute_tip,
    is_drawn,
)
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from tests.world import World, make_account

COORDINATOR, AGGREGATOR, ALICE, BOB, STRANGER, SECOND, THIRD = range(7)
COMMITTEE = (AGGREGATOR, SECOND, THIRD)
COLLECT, AGGREGATE, CHALLENGE = 1000, 2000, 300
DIGEST, OTHER = b"\1" * 32, b"\2" * 32
BOND = 10**15


@dataclass
class Deployment:
    """One task on some ledger, and what a test may do around it."""

    addresses: list[str]
    accounts: list[LocalAccount]
    open_ledger: Callable[[int | None], Ledger]
    advance_clock: Callable[[int], None]
    act_in_registry: Callable[[int, RegistryAction], None]
    registry: str
    chain_id: int

    def revoke(self, who: int) -> None:
        self.act_in_registry(COORDINATOR, Revoke((self.addresses[who],)))

    def rotation(self, who: int, successor: int) -> Rotate:
        keys = self.addresses[who], self.addresses[successor]
        signed = compute_signing_hash(self.chain_id, self.registry, compute_succession(*keys))
        return Rotate(*keys, sign_hash(self.accounts[successor], signed))

    def act(self, who: int, action: LedgerAction) -> Receipt:
        return self.open_ledger(who).send(action)

    def refused(self, who: int, action: LedgerAction) -> str:
        before = self.open_ledger(None).fetch(0).logs
        with pytest.raises(TransactionRejected) as refusal:
            self.act(who, action)
        assert list(self.open_ledger(None).fetch(0).logs) == list(before)
        return refusal.value.error

    def submit(self, who: int, round_number: int = 1, **changes: Any) -> Receipt:
        return self.act(who, replace(SubmitUpdate(round_number, DIGEST, DIGEST, 5), **changes))

    def propose(self, round_number: int = 1, who: int = AGGREGATOR) -> Receipt:
        return self.act(who, Propose(round_number, DIGEST, DIGEST, DIGEST, DIGEST))

    def sign(self, who: int, model_digest: bytes = DIGEST, round_number: int = 1) -> Attestation:
        result = compute_result(round_number, model_digest, DIGEST)
        signature = self.open_ledger(who).sign(result)
        return Attestation(round_number, model_digest, DIGEST, signature)

    def signed(self, who: int, round_number: int) -> SignedUpdate:
        """Return an update that somebody signed for a relay."""
        what = DIGEST, DIGEST, 5
        signature = self.open_ledger(who).sign(compute_update_message(round_number, *what))
        return SignedUpdate(*what, signature)

    def attest(self, *whos: int, model_digest: bytes = DIGEST) -> Attest:
        signatures = tuple(self.sign(who, model_digest).signature for who in whos)
        return Attest(1, model_digest, DIGEST, signatures)

    def deposit_bonds(self) -> None:
        for who in COMMITTEE:
            self.act(who, DepositBond(BOND))

    def finish_round(self, round_number: int) -> None:
        self.submit(ALICE, round_number)
        self.submit(BOB, round_number)
        self.propose(round_number, COMMITTEE[(round_number - 1) % 3])
        self.advance_clock(CHALLENGE)
        self.act(STRANGER, Finalize(round_number))

    def records(self) -> list[LedgerRecord]:
        return [decode_log(log) for log in self.open_ledger(None).fetch(0).logs]  # type: ignore[misc]

    def kinds(self, start: int = 0) -> list[type]:
        return [type(record) for record in self.records()[start:]]

    def task(self) -> Task:
        created, *rest = self.records()
        assert isinstance(created, TaskCreated)
        task = Task(created)
        for record in rest:
            task.apply(record)
        assert not task.is_mid_transaction
        return task


def parameters(registry: str, disputes: str, **changes: int) -> TaskParameters:
    values = {
        "num_rounds": 2,
        "min_updates": 1,
        "target_updates": 2,
        "max_weight": 50,
        "collect_seconds": COLLECT,
        "aggregate_seconds": AGGREGATE,
        "challenge_seconds": CHALLENGE,
        "quorum": 2,
        "bond": BOND,
        "header_chunks": 1,
        "num_values": 8,
        "fraction_shift": 9,
        "commit_seconds": 0,
        "is_open": False,
        "list_seconds": 0,
        **changes,
    }
    return TaskParameters(registry, disputes, DIGEST, DIGEST, DIGEST, DIGEST, **values)


Deploy = Callable[..., Deployment]


def memory_deploy(**changes: int) -> Deployment:
    accounts = [make_account(index) for index in range(7)]
    addresses = [str(account.address).lower() for account in accounts]
    lead = [0.0]
    registry = MemoryRegistry(addresses[COORDINATOR], clock=lambda: time.time() + lead[0])
    registry.carry_out(addresses[COORDINATOR], Enrol(tuple(addresses[:4])))
    chain = MemoryChain(
        addresses[COORDINATOR],
        parameters("0x" + "ee" * 20, "0x" + "dd" * 20, **changes),
        [addresses[who] for who in COMMITTEE],
        registry,
        lambda: time.time() + lead[0],
    )

    def advance(seconds: int) -> None:
        lead[0] += seconds

    def act(who: int, action: RegistryAction) -> None:
        registry.carry_out(addresses[who], action)

    def open_ledger(who: int | None) -> Ledger:
        if who is None:
            return MemoryLedger(chain)
        return MemoryLedger(chain, addresses[who], accounts[who])

    return Deployment(addresses, accounts, open_ledger, advance, act, registry.address, CHAIN_ID)


def ethereum_deploy(
    connection: ChainConnection, accounts: list[LocalAccount], **changes: int
) -> Deployment:
    addresses = [str(account.address).lower() for account in accounts]
    deployer = Deployer(connection, accounts[COORDINATOR])
    registry = deployer.deploy_registry()
    deployer.send(registry, Enrol(tuple(addresses[:4])))
    committee = [addresses[who] for who in COMMITTEE]
    made = parameters(registry, deployer.deploy_disputes(), **changes)
    ledger = deployer.deploy_ledger(made, committee)

    def advance(seconds: int) -> None:
        connection.call("evm_increaseTime", seconds)
        connection.call("evm_mine")

    def open_ledger(who: int | None) -> Ledger:
        return EthereumLedger(connection, ledger, None if who is None else accounts[who])

    def act(who: int, action: RegistryAction) -> None:
        EthereumRegistry(connection, registry, accounts[who]).send(action)

    chain_id = connection.chain_id
    return Deployment(addresses, accounts, open_ledger, advance, act, registry, chain_id)


@pytest.fixture(scope="session")
def hardhat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainConnection]:
    node = start_chain_node("hardhat", tmp_path_factory.mktemp("hardhat"), 0)
    yield ChainConnection(node.rpc_url)
    node.process.stop()


@pytest.fixture(scope="module", params=["memory", "anvil", "hardhat"])
def deploy(request: pytest.FixtureRequest) -> Deploy:
    """Create a task; keyword arguments are fields of TaskParameters."""
    if request.param == "memory":
        return memory_deploy
    world: World = request.getfixturevalue("world")
    accounts = [world.account(i) for i in range(7)]
    connection = world.connection
    if request.param == "hardhat":
        connection = request.getfixturevalue("hardhat")
        for account in accounts:
            transfer(connection, faucet_account(), str(account.address).lower(), 10**20)
    return lambda **changes: ethereum_deploy(connection, accounts, **changes)


@pytest.fixture
def task(deploy: Deploy) -> Deployment:
    """A task with Alice and Bob admitted and all bonds deposited, in its first round."""
    made = deploy()
    made.deposit_bonds()
    made.act(COORDINATOR, Admit((made.addresses[ALICE], made.addresses[BOB])))
    return made


# ---------------------------------------------------------------- what is accepted


def test_a_task_begins_with_its_creation_and_a_round(deploy: Deploy) -> None:
    made = deploy()
    created, *appointed, opened = made.records()
    assert isinstance(created, TaskCreated)
    assert created.coordinator == made.addresses[COORDINATOR]
    assert appointed == [
        AggregatorAppointed(made.addresses[who], seat, created.timestamp)
        for seat, who in enumerate(COMMITTEE, start=1)
    ]
    assert opened == RoundOpened(1, 0, created.timestamp, created.timestamp)


def test_a_whole_task_is_the_records_that_the_state_machine_accepts(task: Deployment) -> None:
    task.finish_round(1)
    task.finish_round(2)
    assert task.kinds() == [
        *(TaskCreated, AggregatorAppointed, AggregatorAppointed, AggregatorAppointed),
        *(RoundOpened, BondDeposited, BondDeposited, BondDeposited),
        *(ParticipantAdmitted, ParticipantAdmitted),
        *(UpdateSubmitted, UpdateSubmitted, ModelProposed, RoundFinalized, RoundOpened),
        *(UpdateSubmitted, UpdateSubmitted, ModelProposed, RoundFinalized),
    ]
    assert task.task().is_over


def test_updates_are_committed_to_and_then_revealed(deploy: Deploy) -> None:
    made = deploy(commit_seconds=600, min_updates=2)
    made.act(COORDINATOR, Admit((made.addresses[ALICE], made.addresses[BOB])))
    assert made.refused(ALICE, SubmitUpdate(1, DIGEST, DIGEST, 5)) == "CommitmentsRequired"
    reveal = RevealUpdate(1, DIGEST, OTHER, 5, b"\5" * 32)
    ledger = made.open_ledger(None)
    for who in (ALICE, BOB):
        assert made.refused(who, reveal) == "UnexpectedPhase"
        place = ledger.chain_id, ledger.address, 1, made.addresses[who]
        commitment = compute_commitment(*place, DIGEST, OTHER, 5, b"\5" * 32)
        made.act(who, CommitUpdate(1, commitment))
        assert made.task().rounds[1].commitments[-1].commitment == commitment
    assert made.refused(ALICE, CommitUpdate(1, DIGEST)) == "UnexpectedPhase"
    assert made.refused(BOB, replace(reveal, salt=DIGEST)) == "WrongReveal"
    for who in (BOB, ALICE):
        made.act(who, reveal)
    task = made.task()
    assert [(u.participant, u.sequence) for u in task.rounds[1].updates] == [
        (made.addresses[BOB], 0),
        (made.addresses[ALICE], 1),
    ]
    assert task.phase(task.last_timestamp) == Phase.AGGREGATING


def test_updates_are_listed_by_an_aggregator(deploy: Deploy) -> None:
    made = deploy(list_seconds=50)
    made.deposit_bonds()
    made.act(COORDINATOR, Admit((made.addresses[ALICE],)))
    action = ListUpdates(1, 2, DIGEST, DIGEST)
    assert made.refused(ALICE, action) == "NotAggregator"
    made.act(AGGREGATOR, action)
    assert made.refused(AGGREGATOR, action) == "AlreadyListed"
    made.submit(ALICE)
    listed, submitted = made.records()[-2:]
    assert listed == UpdatesListed(
        1, made.addresses[AGGREGATOR], 0, 2, DIGEST, DIGEST, listed.timestamp
    )
    assert isinstance(submitted, UpdateSubmitted)
    assert submitted.sequence == 2
    made.advance_clock(51)
    assert made.refused(AGGREGATOR, action) == "ListsOver"


def test_secrets_of_the_aggregators_select_who_takes_part(deploy: Deploy) -> None:
    made = deploy(sample_rate=2**31, seed_seconds=600)
    made.deposit_bonds()
    made.act(COORDINATOR, Admit((made.addresses[ALICE], made.addresses[BOB])))
    chains = {who: compute_chain(bytes([who]) * 32, 3) for who in COMMITTEE}
    assert made.refused(ALICE, CommitSeeds(DIGEST)) == "NotAggregator"
    for who in COMMITTEE:
        made.act(who, CommitSeeds(chains[who][-1]))
    assert made.refused(AGGREGATOR, CommitSeeds(DIGEST)) == "SeedsFixed"
    for who in COMMITTEE:
        assert made.refused(ALICE, SubmitUpdate(1, DIGEST, DIGEST, 5)) == "UnexpectedPhase"
        assert made.refused(who, RevealSeed(1, chains[who][-3])) == "WrongSecret"
        made.act(who, RevealSeed(1, chains[who][-2]))
    assert made.refused(AGGREGATOR, RevealSeed(1, chains[AGGREGATOR][-3])) == "UnexpectedPhase"
    task = made.task()
    assert task.phase(task.last_timestamp) == Phase.COLLECTING
    mix = bytes(32)
    for who in COMMITTEE:
        word = compute_contribution(1, made.addresses[who], chains[who][-2])
        mix = bytes(a ^ b for a, b in zip(mix, word, strict=True))
    seed = compute_seed(DIGEST, 1, mix)
    assert task.seed_of(1, task.last_timestamp) == seed
    for who in (ALICE, BOB):
        update = SubmitUpdate(1, DIGEST, DIGEST, 5)
        assert task.is_selected(made.addresses[who]) == is_drawn(seed, made.addresses[who], 2**31)
        if task.is_selected(made.addresses[who]):
            made.act(who, update)
        else:
            assert made.refused(who, update) == "NotSelected"


def test_an_aggregator_that_withholds_its_secret_does_not_act(deploy: Deploy) -> None:
    made = deploy(sample_rate=2**32 - 1, seed_seconds=600)
    made.deposit_bonds()
    made.act(COORDINATOR, Admit((made.addresses[ALICE], made.addresses[BOB])))
    for who in COMMITTEE:
        made.act(who, CommitSeeds(compute_tip(bytes([who]) * 32)))
    for who in COMMITTEE[1:]:
        made.act(who, RevealSeed(1, bytes([who]) * 32))
    made.advance_clock(601)
    made.submit(ALICE)
    made.submit(BOB)
    action = Propose(1, DIGEST, DIGEST, DIGEST, DIGEST)
    assert made.refused(AGGREGATOR, action) == "SeedWithheld"
    made.advance_clock(AGGREGATE + 1)
    made.propose(who=COMMITTEE[1])
    assert made.refused(STRANGER, made.attest(AGGREGATOR)) == "SeedWithheld"
    made.act(STRANGER, made.attest(COMMITTEE[2]))
    assert made.task().committee.bond_of(made.addresses[AGGREGATOR]) == 0


def test_in_a_task_without_sampling_there_are_no_secrets(task: Deployment) -> None:
    assert task.refused(AGGREGATOR, CommitSeeds(DIGEST)) == "NoSampling"
    assert task.refused(AGGREGATOR, RevealSeed(1, DIGEST)) == "NoSampling"


def test_what_is_derived_from_a_key_is_the_same_again_and_nobody_elses(task: Deployment) -> None:
    secrets = [
        task.open_ledger(who).derive_secret(purpose, number)
        for who, purpose, number in (
            *((AGGREGATOR, "seed chain", 0), (AGGREGATOR, "seed chain", 1)),
            *((COMMITTEE[1], "seed chain", 0), (AGGREGATOR, "another", 0)),
        )
    ]
    assert len(set(secrets)) == 4
    assert {len(secret) for secret in secrets} == {32}
    assert task.open_ledger(AGGREGATOR).derive_secret("seed chain", 0) == secrets[0]
    with pytest.raises(UsageError):
        task.open_ledger(None).derive_secret("seed chain", 0)


def masked(deploy: Deploy, *sharers: int, **changes: Any) -> Deployment:
    """Return a task with masked updates whose first round collects those of some participants."""
    made = deploy(
        commit_seconds=600,
        min_updates=2,
        target_updates=3,
        sample_rate=2**32 - 1,
        seed_seconds=600,
        unmask_seconds=600,
        fraction_shift=NO_VALUES,
        **changes,
    )
    made.deposit_bonds()
    made.act(COORDINATOR, Admit(tuple(made.addresses[who] for who in (ALICE, BOB, AGGREGATOR))))
    made.advance_clock(1201)
    for who in sharers:
        made.act(who, CommitUpdate(1, OTHER))
    made.advance_clock(601)
    return made


def test_masked_updates_come_from_who_shared_and_say_who_is_apart(deploy: Deploy) -> None:
    made = masked(deploy, ALICE, BOB)
    action = SubmitMasked(1, DIGEST, OTHER, 5, 0)
    assert made.refused(AGGREGATOR, action) == "NotCommitted"
    assert made.refused(STRANGER, action) == "NotAdmitted"
    assert made.refused(ALICE, replace(action, round=2)) == "UnexpectedRound"
    assert made.refused(ALICE, replace(action, weight=51)) == "WeightOutOfRange"
    assert made.refused(ALICE, replace(action, digest=bytes(32))) == "ZeroDigest"
    assert made.refused(ALICE, SubmitUpdate(1, DIGEST, OTHER, 5)) == "CommitmentsRequired"
    assert made.refused(ALICE, RevealUpdate(1, DIGEST, OTHER, 5, DIGEST)) == "WrongReveal"
    assert made.refused(ALICE, Unmask(1, DIGEST)) == "UnexpectedPhase"
    made.act(ALICE, action)
    assert made.refused(ALICE, action) == "AlreadySubmitted"
    made.act(BOB, replace(action, apart=2**127 - 1))
    assert made.kinds()[-3:] == [UpdateSubmitted, PeersApart, UpdateSubmitted]
    history = made.task().rounds[1]
    assert history.apart == {made.addresses[BOB]: 2**127 - 1}
    assert history.drawn == {made.addresses[who] for who in (ALICE, BOB, AGGREGATOR)}
    assert history.seed == made.task().seed


def test_all_who_submitted_tell_once_and_then_turns_begin(deploy: Deploy) -> None:
    made = masked(deploy, ALICE, BOB, AGGREGATOR)
    for who in (ALICE, BOB):
        made.act(who, SubmitMasked(1, DIGEST, OTHER, 5, 0))
    made.advance_clock(COLLECT - 600)
    action = Unmask(1, OTHER)
    assert made.refused(AGGREGATOR, action) == "NotSubmitted"
    assert made.refused(ALICE, replace(action, cid_digest=bytes(32))) == "ZeroDigest"
    assert made.refused(AGGREGATOR, SubmitMasked(1, DIGEST, OTHER, 5, 0)) == "UnexpectedPhase"
    proposal = Propose(1, DIGEST, DIGEST, DIGEST, DIGEST)
    made.act(ALICE, action)
    assert made.refused(ALICE, action) == "AlreadyUnmasked"
    assert made.refused(AGGREGATOR, proposal) == "UnexpectedPhase"
    made.revoke(BOB)
    made.act(STRANGER, Remove(made.addresses[BOB]))
    made.act(BOB, action)
    assert made.kinds()[-1] is UpdateUnmasked
    made.act(AGGREGATOR, proposal)
    against = made.attest(SECOND, THIRD, model_digest=OTHER)
    made.act(STRANGER, against)
    assert made.refused(ALICE, action) == "UnexpectedPhase"
    task = made.task()
    assert task.phase(task.last_timestamp) == Phase.AGGREGATING


def test_time_ends_unmasking_and_a_successor_tells_nothing(deploy: Deploy) -> None:
    made = masked(deploy, ALICE, BOB)
    for who in (ALICE, BOB):
        made.act(who, SubmitMasked(1, DIGEST, OTHER, 5, 0))
    made.act_in_registry(ALICE, made.rotation(ALICE, THIRD))
    made.act(STRANGER, Succeed(made.addresses[ALICE]))
    assert made.refused(THIRD, Unmask(1, DIGEST)) == "NotSubmitted"
    made.act(ALICE, Unmask(1, DIGEST))
    made.advance_clock(601)
    assert made.refused(BOB, Unmask(1, DIGEST)) == "UnexpectedPhase"
    made.propose()


def test_in_a_task_without_masks_there_is_nothing_to_tell(task: Deployment) -> None:
    assert task.refused(ALICE, SubmitMasked(1, DIGEST, DIGEST, 5, 1)) == "NoMasks"
    assert task.refused(ALICE, Unmask(1, DIGEST)) == "NoMasks"


def test_in_a_task_without_commitments_none_is_taken(task: Deployment) -> None:
    assert task.refused(ALICE, CommitUpdate(1, DIGEST)) == "NoCommitments"
    assert task.refused(ALICE, RevealUpdate(1, DIGEST, DIGEST, 5, DIGEST)) == "NoCommitments"


def test_an_update_carries_what_was_submitted(task: Deployment) -> None:
    task.submit(BOB, digest=b"\2" * 32, cid_digest=b"\3" * 32, weight=50)
    task.submit(ALICE, weight=1)
    first, second = task.task().rounds[1].updates
    assert first == UpdateSubmitted(
        1, task.addresses[BOB], 0, b"\2" * 32, b"\3" * 32, 50, first.timestamp
    )
    assert (second.participant, second.sequence) == (task.addresses[ALICE], 1)


def test_a_round_without_enough_updates_is_aborted_by_anybody(task: Deployment) -> None:
    task.advance_clock(COLLECT + 1)
    task.act(STRANGER, Abort(1))
    assert task.kinds()[-2:] == [RoundAborted, RoundOpened]
    now = task.records()[-1].timestamp
    assert task.records()[-1] == RoundOpened(2, 0, now, now)


def test_a_round_without_a_proposal_is_aborted_by_anybody(task: Deployment) -> None:
    task.submit(ALICE)
    task.submit(BOB)
    task.advance_clock(3 * AGGREGATE + 2)
    task.act(STRANGER, Abort(1))
    assert task.kinds()[-2:] == [RoundAborted, RoundOpened]


def test_enough_updates_at_the_deadline_are_aggregated(task: Deployment) -> None:
    task.submit(ALICE)
    task.advance_clock(COLLECT + 1)
    task.propose()
    assert task.kinds()[-1] is ModelProposed


def test_the_coordinator_stops_a_task_in_any_phase(task: Deployment) -> None:
    task.submit(ALICE)
    task.act(COORDINATOR, Stop())
    assert task.kinds()[-2:] == [RoundAborted, TaskStopped]
    state = task.task()
    assert state.is_over
    assert state.phase(state.last_timestamp) == Phase.ABORTED


def test_a_revoked_participant_is_removed_by_anybody(task: Deployment) -> None:
    task.revoke(BOB)
    task.act(STRANGER, Remove(task.addresses[BOB]))
    assert task.kinds()[-1] is ParticipantRemoved
    assert task.task().admitted == {task.addresses[ALICE]}


def test_a_rotated_participant_is_succeeded_by_anybody_and_submits_once(task: Deployment) -> None:
    task.submit(ALICE)
    assert task.refused(STRANGER, Succeed(task.addresses[ALICE])) == "NoSuccessor"
    task.act_in_registry(ALICE, task.rotation(ALICE, SECOND))
    reader = task.open_ledger(None)
    assert reader.predecessor_of(task.registry, task.addresses[SECOND]) == task.addresses[ALICE]
    assert reader.predecessor_of(task.registry, task.addresses[ALICE]) == ""
    assert reader.is_enrolled(task.registry, task.addresses[SECOND])
    assert not reader.is_enrolled(task.registry, task.addresses[ALICE])
    people = [task.addresses[who] for who in (ALICE, SECOND, BOB, STRANGER)]
    before = reader.standings_of(task.registry, people)
    assert before[1] == Standing(True, "", b"")
    assert reader.standings_of(task.registry, people) == before
    task.act_in_registry(SECOND, SetEncryptionKey(OTHER))
    assert reader.standings_of(task.registry, people) == [
        Standing(False, task.addresses[SECOND], b""),
        Standing(True, "", OTHER),
        Standing(True, "", b""),
        Standing(False, "", b""),
    ]
    assert reader.standings_of(task.registry, []) == []
    assert task.refused(COORDINATOR, Admit((task.addresses[SECOND],))) == "SuccessionDue"
    assert task.refused(STRANGER, Remove(task.addresses[ALICE])) == "SuccessionDue"
    task.act(STRANGER, Succeed(task.addresses[ALICE]))
    assert task.kinds()[-1] is ParticipantSucceeded
    again = SubmitUpdate(1, DIGEST, DIGEST, 5)
    assert task.refused(SECOND, again) == "AlreadySubmitted"
    assert task.refused(ALICE, again) == "NotAdmitted"
    assert task.refused(STRANGER, Succeed(task.addresses[ALICE])) == "NotAdmitted"


def test_whoever_has_spent_its_budget_neither_submits_nor_has_anything_submitted(
    deploy: Deploy,
) -> None:
    task = deploy(privacy_cost=10, privacy_budget=25, num_rounds=9)
    task.act(COORDINATOR, Admit((task.addresses[ALICE], task.addresses[BOB])))
    task.deposit_bonds()
    task.submit(ALICE)
    again = SubmitUpdate(1, DIGEST, DIGEST, 5)
    assert task.refused(ALICE, again) == "AlreadySubmitted"
    task.submit(BOB)
    task.propose()
    task.advance_clock(CHALLENGE)
    task.act(STRANGER, Finalize(1))
    assert task.refused(ALICE, replace(again, round=2, weight=0)) == "WeightOutOfRange"
    task.submit(ALICE, 2)
    state = task.task()
    assert [state.spent(task.addresses[who]) for who in (ALICE, BOB, STRANGER)] == [20, 10, 0]
    assert [state.updates_left(task.addresses[who]) for who in (ALICE, BOB)] == [0, 1]
    task.advance_clock(COLLECT + 1)
    task.propose(2, SECOND)
    task.advance_clock(CHALLENGE)
    task.act(STRANGER, Finalize(2))
    assert task.refused(ALICE, replace(again, round=3, weight=0)) == "PrivacyBudgetExceeded"
    signed = [task.signed(who, 3) for who in (BOB, ALICE)]
    assert task.refused(STRANGER, SubmitBatch(3, tuple(signed))) == "PrivacyBudgetExceeded"
    task.act_in_registry(ALICE, task.rotation(ALICE, THIRD))
    task.act(STRANGER, Succeed(task.addresses[ALICE]))
    assert task.refused(THIRD, replace(again, round=3)) == "PrivacyBudgetExceeded"
    state = task.task()
    assert [state.spent(task.addresses[who]) for who in (ALICE, THIRD)] == [0, 20]
    task.submit(BOB, 3)


def test_whoever_has_spent_its_budget_does_not_commit_to_what_it_cannot_reveal(
    deploy: Deploy,
) -> None:
    task = deploy(privacy_cost=10, privacy_budget=10, commit_seconds=COLLECT, num_rounds=9)
    task.act(COORDINATOR, Admit((task.addresses[ALICE], task.addresses[BOB])))
    ledger = task.open_ledger(ALICE)
    place = task.chain_id, ledger.address
    for number in (1, 2):
        update = DIGEST, DIGEST, 5, bytes(32)
        commitment = compute_commitment(*place, number, task.addresses[ALICE], *update)
        if number == 2:
            action = CommitUpdate(number, commitment)
            assert task.refused(ALICE, action) == "PrivacyBudgetExceeded"
            task.act(BOB, action)
            return
        task.act(ALICE, CommitUpdate(number, commitment))
        assert task.task().spent(task.addresses[ALICE]) == 0
        task.advance_clock(COLLECT + 1)
        task.act(ALICE, RevealUpdate(number, *update))
        assert task.task().spent(task.addresses[ALICE]) == 10
        task.advance_clock(COLLECT + 3 * AGGREGATE + 1)
        task.act(STRANGER, Abort(number))


def test_in_an_open_task_anybody_admits_whom_the_registry_lists(deploy: Deploy) -> None:
    task = deploy(is_open=True)
    task.act(ALICE, Admit((task.addresses[ALICE],)))
    assert task.task().admitted == {task.addresses[ALICE]}
    assert task.refused(STRANGER, Admit((task.addresses[SECOND],))) == "NotEnrolled"
    assert task.refused(ALICE, Stop()) == "NotCoordinator"


# ---------------------------------------------------------------- the committee


@pytest.fixture
def proposed(task: Deployment) -> Deployment:
    """A task whose first round has a proposal."""
    task.submit(ALICE)
    task.submit(BOB)
    task.propose()
    return task


def test_no_value_can_be_challenged_where_the_contract_cannot_derive_it(deploy: Deploy) -> None:
    task = deploy(fraction_shift=NO_VALUES)
    task.deposit_bonds()
    task.act(COORDINATOR, Admit((task.addresses[ALICE], task.addresses[BOB])))
    task.submit(ALICE)
    task.submit(BOB)
    task.propose()
    value = Challenge(1, Question.VALUE, 0, BOND)
    assert task.refused(STRANGER, value) == "ParameterOutOfRange"
    task.act(STRANGER, replace(value, question=Question.HEADER))
    assert task.kinds()[-1] is ProposalChallenged


def test_a_quorum_makes_a_model_final_at_once(proposed: Deployment) -> None:
    proposed.act(STRANGER, proposed.attest(SECOND))
    assert proposed.kinds()[-3:] == [ModelAttested, RoundFinalized, RoundOpened]


def test_a_quorum_against_takes_the_bond_and_the_next_in_turn_proposes(
    proposed: Deployment,
) -> None:
    proposed.act(STRANGER, proposed.attest(SECOND, THIRD, model_digest=OTHER))
    last = [ModelAttested, ModelAttested, ProposalRejected, BondSlashed]
    assert proposed.kinds()[-4:] == last
    slashed = proposed.records()[-1]
    assert isinstance(slashed, BondSlashed)
    assert slashed.aggregator == proposed.addresses[AGGREGATOR]
    assert (slashed.amount, slashed.fault) == (BOND, Fault.OVERRULED)
    good = Propose(1, OTHER, DIGEST, DIGEST, DIGEST)
    assert proposed.refused(AGGREGATOR, good) == "AggregatorBarred"
    assert proposed.refused(SECOND, good) == "OutOfTurn"
    proposed.advance_clock(AGGREGATE + 1)
    assert proposed.refused(SECOND, replace(good, model_digest=DIGEST)) == "AlreadyAttested"
    proposed.act(SECOND, good)
    proposed.act(STRANGER, proposed.attest(THIRD, model_digest=OTHER))
    assert proposed.kinds()[-2:] == [RoundFinalized, RoundOpened]


def test_two_results_cost_the_bond_whoever_shows_them(proposed: Deployment) -> None:
    one, other = proposed.sign(SECOND), proposed.sign(SECOND, OTHER)
    proposed.act(BOB, ProveEquivocation(one, other))
    slashed = proposed.records()[-1]
    assert isinstance(slashed, BondSlashed)
    assert slashed.beneficiary == proposed.addresses[BOB]
    assert slashed.fault == Fault.EQUIVOCATION
    assert proposed.refused(BOB, ProveEquivocation(one, other)) == "AggregatorBarred"
    assert proposed.refused(SECOND, DepositBond(1)) == "AggregatorBarred"
    assert proposed.refused(BOB, proposed.attest(SECOND)) == "AggregatorBarred"
    proposed.act(BOB, ClaimPayout())
    paid = proposed.records()[-1]
    assert isinstance(paid, PayoutClaimed)
    assert (paid.account, paid.amount) == (proposed.addresses[BOB], BOND // 2)
    assert proposed.refused(BOB, ClaimPayout()) == "NothingToPay"


def test_a_second_result_handed_in_as_an_attestation_is_shown_as_well(
    proposed: Deployment,
) -> None:
    proposed.act(STRANGER, proposed.attest(AGGREGATOR, model_digest=OTHER))
    assert proposed.kinds()[-1] is BondSlashed
    assert proposed.task().proposal.num_for == 0


def test_attestations_are_refused_by_the_first_rule_they_break(proposed: Deployment) -> None:
    good = proposed.attest(SECOND)
    assert proposed.refused(STRANGER, replace(good, round=2)) == "UnexpectedRound"
    assert proposed.refused(STRANGER, proposed.attest(STRANGER)) == "NotAggregator"
    assert proposed.refused(STRANGER, replace(good, report_digest=OTHER)) == "NotAggregator"
    assert proposed.refused(STRANGER, proposed.attest(AGGREGATOR)) == "AlreadyAttested"
    same = ProveEquivocation(proposed.sign(SECOND), proposed.sign(SECOND))
    assert proposed.refused(STRANGER, same) == "NoEquivocation"
    others = ProveEquivocation(proposed.sign(SECOND), proposed.sign(THIRD, OTHER))
    assert proposed.refused(STRANGER, others) == "NoEquivocation"


def test_without_a_bond_nobody_proposes_or_attests(deploy: Deploy) -> None:
    task = deploy(target_updates=1)
    task.act(COORDINATOR, Admit((task.addresses[ALICE],)))
    task.submit(ALICE)
    good = Propose(1, DIGEST, DIGEST, DIGEST, DIGEST)
    assert task.refused(AGGREGATOR, good) == "BondTooLow"
    assert task.refused(AGGREGATOR, DepositBond(0)) == "ParameterOutOfRange"
    assert task.refused(STRANGER, DepositBond(1)) == "NotAggregator"
    task.act(AGGREGATOR, DepositBond(BOND))
    task.propose()
    assert task.refused(STRANGER, task.attest(SECOND)) == "BondTooLow"


def test_bonds_are_free_a_window_after_the_end(task: Deployment) -> None:
    assert task.refused(AGGREGATOR, WithdrawBond()) == "BondLocked"
    task.act(COORDINATOR, Stop())
    assert task.refused(AGGREGATOR, WithdrawBond()) == "BondLocked"
    task.advance_clock(CHALLENGE)
    task.act(AGGREGATOR, WithdrawBond())
    task.act(AGGREGATOR, ClaimPayout())
    assert task.kinds()[-2:] == [BondWithdrawn, PayoutClaimed]
    assert task.refused(AGGREGATOR, WithdrawBond()) == "NothingToPay"


def rewarded(deploy: Deploy, wei: int, rewards: list[Reward]) -> tuple[Deployment, bytes]:
    """Finish round 1 of a task whose rounds earn 1000 wei, with a report of these rewards."""
    task = deploy(reward=1000)
    task.act(COORDINATOR, Admit((task.addresses[ALICE], task.addresses[BOB])))
    task.deposit_bonds()
    if wei:
        task.act(STRANGER, FundPot(wei))
    for who in (ALICE, BOB):
        task.submit(who)
    hexadecimal = "ab" * 32
    told = RoundReport(hexadecimal, 1, hexadecimal, hexadecimal, 10, b"\0\0", None, tuple(rewards))
    report = encode_report(told)
    digest = compute_digest(report)
    task.act(AGGREGATOR, Propose(1, DIGEST, DIGEST, digest, DIGEST))
    task.advance_clock(CHALLENGE)
    task.act(STRANGER, Finalize(1))
    return task, report


def payment(report: bytes, part: int = 0, chunk: int = 2, **changes: Any) -> PayRewards:
    action = PayRewards(1, compute_digest(report), 2, part, open_chunk(report, chunk))
    return replace(action, **changes)


def test_updates_are_paid_once_what_the_final_report_says(deploy: Deploy) -> None:
    addresses = deploy().addresses
    rewards = [Reward(addresses[ALICE], 600), Reward(addresses[BOB], 399)]
    task, report = rewarded(deploy, 1500, rewards)
    assert task.refused(STRANGER, payment(report, num_updates=3)) == "UnknownPayroll"
    assert task.refused(STRANGER, payment(report, report_digest=OTHER)) == "UnknownPayroll"
    assert task.refused(STRANGER, payment(report, round=2)) == "UnknownPayroll"
    assert task.refused(STRANGER, payment(report, part=1)) == "ParameterOutOfRange"
    assert task.refused(STRANGER, payment(report, chunk=1)) == "WrongOpening"
    task.act(STRANGER, payment(report))
    assert task.refused(STRANGER, payment(report)) == "AlreadyPaid"
    assert task.task().committee.payouts == {
        rewards[0].participant: 600,
        rewards[1].participant: 399,
    }
    assert (task.task().pot, task.task().payrolls[1].left) == (501, 0)
    task.act(ALICE, ClaimPayout())
    assert task.refused(COORDINATOR, ReclaimPot()) == "UnexpectedPhase"
    task.act(COORDINATOR, Stop())
    assert task.refused(STRANGER, ReclaimPot()) == "NotCoordinator"
    task.act(COORDINATOR, ReclaimPot())
    assert task.refused(COORDINATOR, ReclaimPot()) == "NothingToPay"
    assert task.refused(STRANGER, FundPot(5)) == "NoRewards"
    assert task.kinds()[-2:] == [TaskStopped, PotReclaimed]
    assert task.task().committee.payouts[task.addresses[COORDINATOR]] == 501


def test_a_round_costs_no_more_than_its_reward_and_nothing_if_the_pot_lacks_it(
    deploy: Deploy,
) -> None:
    addresses = deploy().addresses
    rewards = [Reward(addresses[ALICE], 600), Reward(addresses[BOB], 401)]
    task, report = rewarded(deploy, 1000, rewards)
    assert task.refused(STRANGER, payment(report)) == "RewardExceeded"
    task, report = rewarded(deploy, 999, rewards)
    assert task.refused(STRANGER, payment(report)) == "UnknownPayroll"
    assert task.task().pot == 999


def test_a_pot_is_funded_only_where_it_can_be_paid_out(deploy: Deploy) -> None:
    assert deploy().refused(STRANGER, FundPot(5)) == "NoRewards"
    assert deploy(reward=1000).refused(STRANGER, FundPot(0)) == "ParameterOutOfRange"


def test_a_pause_delays_the_next_round(task: Deployment) -> None:
    assert task.refused(STRANGER, Pause(5)) == "NotCoordinator"
    task.act(COORDINATOR, Pause(2 * COLLECT))
    task.submit(ALICE)
    assert task.kinds()[-2:] == [TaskPaused, UpdateSubmitted]
    task.submit(BOB)
    task.propose()
    task.act(STRANGER, task.attest(SECOND))
    assert task.refused(ALICE, SubmitUpdate(2, DIGEST, DIGEST, 5)) == "UnexpectedPhase"
    task.act(COORDINATOR, Pause(0))
    task.submit(ALICE, 2)
    task.act(COORDINATOR, Stop())
    assert task.refused(COORDINATOR, Pause(5)) == "TaskOver"


# ---------------------------------------------------------------- what is refused


def test_submissions_are_refused_by_the_first_rule_they_break(task: Deployment) -> None:
    good = SubmitUpdate(1, DIGEST, DIGEST, 5)
    assert task.refused(STRANGER, replace(good, round=2)) == "UnexpectedRound"
    assert task.refused(STRANGER, replace(good, weight=0)) == "NotAdmitted"
    assert task.refused(ALICE, replace(good, weight=0, digest=bytes(32))) == "WeightOutOfRange"
    assert task.refused(ALICE, replace(good, weight=51)) == "WeightOutOfRange"
    assert task.refused(ALICE, replace(good, digest=bytes(32))) == "ZeroDigest"
    assert task.refused(ALICE, replace(good, cid_digest=bytes(32))) == "ZeroDigest"
    task.submit(ALICE)
    assert task.refused(ALICE, replace(good, weight=0)) == "AlreadySubmitted"
    task.submit(BOB)
    assert task.refused(ALICE, good) == "UnexpectedPhase"


def test_proposals_are_refused_by_the_first_rule_they_break(task: Deployment) -> None:
    good = Propose(1, DIGEST, DIGEST, DIGEST, DIGEST)
    assert task.refused(STRANGER, replace(good, round=7)) == "NotAggregator"
    assert task.refused(AGGREGATOR, replace(good, round=2)) == "UnexpectedRound"
    assert task.refused(AGGREGATOR, replace(good, model_digest=bytes(32))) == "UnexpectedPhase"
    task.submit(ALICE)
    task.submit(BOB)
    assert task.refused(SECOND, replace(good, model_digest=bytes(32))) == "OutOfTurn"
    for field in ("model_digest", "model_cid_digest", "report_digest", "report_cid_digest"):
        assert task.refused(AGGREGATOR, replace(good, **{field: bytes(32)})) == "ZeroDigest"
    task.propose()
    assert task.refused(AGGREGATOR, good) == "UnexpectedPhase"


def test_a_round_is_not_ended_before_its_time(task: Deployment) -> None:
    assert task.refused(STRANGER, Abort(1)) == "UnexpectedPhase"
    assert task.refused(STRANGER, Finalize(1)) == "UnexpectedPhase"
    task.submit(ALICE)
    task.submit(BOB)
    assert task.refused(STRANGER, Abort(1)) == "UnexpectedPhase"
    task.propose()
    assert task.refused(STRANGER, Finalize(1)) == "ChallengeWindowOpen"
    assert task.refused(STRANGER, Finalize(2)) == "UnexpectedRound"
    assert task.refused(STRANGER, Abort(1)) == "UnexpectedPhase"


def test_only_the_coordinator_admits_and_stops(task: Deployment) -> None:
    assert task.refused(STRANGER, Stop()) == "NotCoordinator"
    assert task.refused(ALICE, Admit((task.addresses[STRANGER],))) == "NotCoordinator"
    assert task.refused(COORDINATOR, Admit((task.addresses[STRANGER],))) == "NotEnrolled"
    assert task.refused(COORDINATOR, Admit((task.addresses[ALICE],))) == "AlreadyAdmitted"
    twice = (task.addresses[AGGREGATOR],) * 2
    assert task.refused(COORDINATOR, Admit(twice)) == "AlreadyAdmitted"


def test_only_the_revoked_are_removed(task: Deployment) -> None:
    assert task.refused(STRANGER, Remove(task.addresses[STRANGER])) == "NotAdmitted"
    assert task.refused(COORDINATOR, Remove(task.addresses[ALICE])) == "StillEnrolled"


def test_nothing_but_admissions_follows_the_end_of_a_task(task: Deployment) -> None:
    task.act(COORDINATOR, Stop())
    assert task.refused(COORDINATOR, Stop()) == "TaskOver"
    assert task.refused(ALICE, SubmitUpdate(1, DIGEST, DIGEST, 5)) == "UnexpectedPhase"
    assert task.refused(STRANGER, Abort(1)) == "UnexpectedPhase"
    assert task.refused(STRANGER, Finalize(1)) == "UnexpectedPhase"


def test_a_finished_task_cannot_be_stopped(deploy: Deploy) -> None:
    task = deploy(num_rounds=1)
    task.deposit_bonds()
    task.act(COORDINATOR, Admit((task.addresses[ALICE], task.addresses[BOB])))
    task.finish_round(1)
    assert task.refused(COORDINATOR, Stop()) == "TaskOver"


def test_a_reader_cannot_send(task: Deployment) -> None:
    with pytest.raises(UsageError):
        task.open_ledger(None).send(Abort(1))


# ---------------------------------------------------------------- reading


def test_pages_continue_where_the_last_one_ended(task: Deployment) -> None:
    reader = task.open_ledger(None)
    first = reader.fetch(0)
    assert reader.fetch(first.next_block).logs in ((), [])
    task.submit(ALICE)
    second = reader.fetch(first.next_block)
    task.submit(BOB)
    third = reader.fetch(second.next_block)
    whole = task.open_ledger(None).fetch(0)
    assert [*first.logs, *second.logs, *third.logs] == list(whole.logs)
    assert not any(page.is_rewritten for page in (first, second, third))


def test_logs_say_where_they_come_from(task: Deployment) -> None:
    receipt = task.submit(ALICE)
    reader = task.open_ledger(None)
    log = reader.fetch(0).logs[-1]
    assert (log.address, log.block_number) == (reader.address, receipt.block_number)
    assert log.transaction_hash == receipt.transaction_hash


def test_a_page_tells_the_time_of_its_latest_block(task: Deployment) -> None:
    before = task.open_ledger(None).fetch(0).now
    task.advance_clock(500)
    assert task.open_ledger(None).fetch(0).now >= before + 500


def test_pages_miss_nothing_and_repeat_nothing_while_others_write(deploy: Deploy) -> None:
    task = deploy(target_updates=1, num_rounds=1000, challenge_seconds=0, bond=0, quorum=0)
    task.act(COORDINATOR, Admit((task.addresses[ALICE],)))
    alice, *committee = (task.open_ledger(who) for who in (ALICE, *COMMITTEE))

    def write() -> None:
        for number in range(1, 16):
            alice.send(SubmitUpdate(number, DIGEST, DIGEST, 5))
            aggregator = committee[(number - 1) % len(committee)]
            aggregator.send(Propose(number, DIGEST, DIGEST, DIGEST, DIGEST))
            aggregator.send(Finalize(number))

    reader = task.open_ledger(None)
    writer = threading.Thread(target=write)
    logs, position, is_last = [], 0, False
    writer.start()
    while True:
        page = reader.fetch(position)
        assert not page.is_rewritten
        logs += page.logs
        position = page.next_block
        if is_last:
            break
        is_last = not writer.is_alive()
    writer.join()
    assert logs == list(task.open_ledger(None).fetch(0).logs)


# ---------------------------------------------------------------- waiting


def test_wait_returns_once_a_watched_record_is_added(task: Deployment) -> None:
    reader = task.open_ledger(None)
    reader.watch(UpdateSubmitted)
    page = reader.fetch(0)
    thread = threading.Thread(target=task.submit, args=(ALICE,))
    thread.start()
    while not reader.fetch(page.next_block).logs:
        assert reader.wait(30)
    thread.join()


def test_what_happens_between_watch_and_wait_is_not_missed(task: Deployment) -> None:
    reader = task.open_ledger(None)
    reader.watch()
    reader.fetch(0)
    task.submit(ALICE)
    assert reader.wait(30)


def test_wait_gives_up_when_nothing_happens(task: Deployment) -> None:
    reader = task.open_ledger(None)
    reader.watch(TaskStopped)
    reader.fetch(0)
    assert not reader.wait(0.05)


@pytest.mark.parametrize("node", ["anvil", "hardhat"])
def test_more_calls_than_a_node_takes_at_once_are_answered_in_order(
    request: pytest.FixtureRequest, node: str
) -> None:
    world: World = request.getfixturevalue("world")
    connection = world.connection if node == "anvil" else request.getfixturevalue("hardhat")
    inputs = [number.to_bytes(2) for number in range(2 * MOST_CALLS + 1)]
    answers = connection.batch([("web3_sha3", [f"0x{data.hex()}"]) for data in inputs])
    assert answers == [f"0x{keccak(data).hex()}" for data in inputs]
