"""One suite for the seam to the chain, run against every implementation of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.devnet import faucet_account, start_chain_node
from fl_chain.chain.ethereum import Deployer, EthereumLedger, transfer
from fl_chain.chain.ledger import Ledger, Receipt
from fl_chain.chain.memory import MemoryChain, MemoryLedger
from fl_chain.errors import TransactionRejected, UsageError
from fl_chain.protocol.actions import (
    Abort,
    Admit,
    Enrol,
    Finalize,
    LedgerAction,
    Propose,
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
    decode_log,
)
from fl_chain.protocol.round import Phase, Task
from tests.world import World

COORDINATOR, AGGREGATOR, ALICE, BOB, STRANGER = range(5)
COLLECT, AGGREGATE, CHALLENGE = 1000, 2000, 300
DIGEST = b"\1" * 32


@dataclass
class Deployment:
    """One task on some ledger, and what a test may do around it."""

    addresses: list[str]
    open_ledger: Callable[[int | None], Ledger]
    advance_clock: Callable[[int], None]
    revoke: Callable[[int], None]

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

    def propose(self, round_number: int = 1) -> Receipt:
        return self.act(AGGREGATOR, Propose(round_number, DIGEST, DIGEST, DIGEST, DIGEST, 9))

    def finish_round(self, round_number: int) -> None:
        self.submit(ALICE, round_number)
        self.submit(BOB, round_number)
        self.propose(round_number)
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


def parameters(registry: str, aggregator: str, **changes: int) -> TaskParameters:
    rounds = {
        "num_rounds": 2,
        "min_updates": 1,
        "target_updates": 2,
        "max_weight": 50,
        "collect_seconds": COLLECT,
        "aggregate_seconds": AGGREGATE,
        "challenge_seconds": CHALLENGE,
        **changes,
    }
    return TaskParameters(registry, aggregator, DIGEST, DIGEST, DIGEST, DIGEST, **rounds)


Deploy = Callable[..., Deployment]


def memory_deploy(**changes: int) -> Deployment:
    addresses = [f"0x{i:040x}" for i in range(1, 6)]
    lead = [0.0]
    enrolled = set(addresses[:4])
    chain = MemoryChain(
        addresses[COORDINATOR],
        parameters("0x" + "ee" * 20, addresses[AGGREGATOR], **changes),
        enrolled,
        lambda: time.time() + lead[0],
    )

    def advance(seconds: int) -> None:
        lead[0] += seconds

    return Deployment(
        addresses,
        lambda who: MemoryLedger(chain, "" if who is None else addresses[who]),
        advance,
        lambda who: enrolled.discard(addresses[who]),
    )


def ethereum_deploy(
    connection: ChainConnection, accounts: list[LocalAccount], **changes: int
) -> Deployment:
    addresses = [str(account.address).lower() for account in accounts]
    deployer = Deployer(connection, accounts[COORDINATOR])
    registry = deployer.deploy_registry()
    deployer.send(registry, Enrol(tuple(addresses[:4])))
    ledger = deployer.deploy_ledger(parameters(registry, addresses[AGGREGATOR], **changes))

    def advance(seconds: int) -> None:
        connection.call("evm_increaseTime", seconds)
        connection.call("evm_mine")

    def open_ledger(who: int | None) -> Ledger:
        return EthereumLedger(connection, ledger, None if who is None else accounts[who])

    return Deployment(
        addresses,
        open_ledger,
        advance,
        lambda who: _ignore(deployer.send(registry, Revoke((addresses[who],)))),
    )


def _ignore(receipt: Receipt) -> None:
    assert receipt.gas_used > 0


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
    accounts = [world.account(i) for i in range(5)]
    connection = world.connection
    if request.param == "hardhat":
        connection = request.getfixturevalue("hardhat")
        for account in accounts:
            transfer(connection, faucet_account(), str(account.address).lower(), 10**20)
    return lambda **changes: ethereum_deploy(connection, accounts, **changes)


@pytest.fixture
def task(deploy: Deploy) -> Deployment:
    """A task with Alice and Bob admitted, in its first round."""
    made = deploy()
    made.act(COORDINATOR, Admit((made.addresses[ALICE], made.addresses[BOB])))
    return made


# ---------------------------------------------------------------- what is accepted


def test_a_task_begins_with_its_creation_and_a_round(deploy: Deploy) -> None:
    made = deploy()
    created, opened = made.records()
    assert isinstance(created, TaskCreated)
    assert created.coordinator == made.addresses[COORDINATOR]
    assert created.parameters.aggregator == made.addresses[AGGREGATOR]
    assert opened == RoundOpened(1, 0, created.timestamp)


def test_a_whole_task_is_the_records_that_the_state_machine_accepts(task: Deployment) -> None:
    task.finish_round(1)
    task.finish_round(2)
    assert task.kinds() == [
        TaskCreated,
        RoundOpened,
        *(ParticipantAdmitted, ParticipantAdmitted),
        *(UpdateSubmitted, UpdateSubmitted, ModelProposed, RoundFinalized, RoundOpened),
        *(UpdateSubmitted, UpdateSubmitted, ModelProposed, RoundFinalized),
    ]
    assert task.task().is_over


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
    assert task.records()[-1] == RoundOpened(2, 0, task.records()[-1].timestamp)


def test_a_round_without_a_proposal_is_aborted_by_anybody(task: Deployment) -> None:
    task.submit(ALICE)
    task.submit(BOB)
    task.advance_clock(COLLECT + AGGREGATE + 2)
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
    good = Propose(1, DIGEST, DIGEST, DIGEST, DIGEST, 9)
    assert task.refused(STRANGER, replace(good, round=7)) == "NotAggregator"
    assert task.refused(AGGREGATOR, replace(good, round=2)) == "UnexpectedRound"
    assert task.refused(AGGREGATOR, replace(good, model_digest=bytes(32))) == "UnexpectedPhase"
    task.submit(ALICE)
    task.submit(BOB)
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
    task = deploy(min_updates=1, target_updates=1, num_rounds=1000, challenge_seconds=0)
    task.act(COORDINATOR, Admit((task.addresses[ALICE],)))
    alice, aggregator = task.open_ledger(ALICE), task.open_ledger(AGGREGATOR)

    def write() -> None:
        for number in range(1, 16):
            alice.send(SubmitUpdate(number, DIGEST, DIGEST, 5))
            aggregator.send(Propose(number, DIGEST, DIGEST, DIGEST, DIGEST, 9))
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
