"""A chain node that alters, omits, adds or reorders event logs.

Caught by ``ledger_history`` and ``registry_history``: the contracts keep a running hash over every
record in their storage, and what the logs say must arrive at it. A log that decodes to no record at
all fails the same check. What the altered record leads to may fail further checks; none crashes.
A node that lies about storage as well is outside of what one node's answers can show.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fl_chain.aggregation.derive import DerivedRound
from fl_chain.audit.audit import run_audit
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Verdict, compute_verdict
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.protocol.actions import (
    Abort,
    ClaimPayout,
    CommitSeeds,
    LeaveRegistry,
    Pause,
    RevealSeed,
    Rotate,
    SetEncryptionKey,
    Succeed,
    WithdrawBond,
)
from fl_chain.protocol.logs import WORD_BYTES, Log, decode_log, encode_log
from fl_chain.protocol.records import LEDGER_RECORDS, REGISTRY_RECORDS, UpdateSubmitted
from fl_chain.protocol.sampling import compute_chain
from fl_chain.roles.defence import Defender
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import ignore_progress
from fl_chain.roles.rewards import fund_pot, pay_rewards, reclaim_pot
from tests.world import Federation, Recorded, World, problems, record

CONTRACTS = ("ledger", "registry")
SEED_SECONDS = 60
SECRETS = [compute_chain(bytes([index]) * 32, 3) for index in range(3)]
"""For each aggregator those of three rounds, and their tip."""
REWARD: dict[str, Any] = {"reward": {"formula": "equal", "round_gwei": 10}}
"""The pot has enough for the first round."""
SUCCESSOR = 20
"""Account that is nobody else in a task."""


@pytest.fixture(scope="module")
def recorded(world: World) -> Recorded:
    """Two rounds, an aborted one between them; a proposal that was overruled; money that moved.

    Participants commit to their updates before. Seeds select all of them.
    """
    committee = {"aggregators": 3, "quorum": 2, "bond_gwei": 1}
    sampling = {"sample_rate": 1, "seed_seconds": SEED_SECONDS}
    federation = world.federation(
        2, **committee, **sampling, **REWARD, num_rounds=2, min_updates=1, commit_seconds=600
    )
    fund_pot(federation.ledger(federation.coordinator), 15 * 10**9, ignore_progress)
    federation.deposit_bonds()
    for account, secrets in zip(federation.aggregators, SECRETS, strict=True):
        federation.ledger(account).send(CommitSeeds(secrets[-1]))
    open_round(federation, 1, 0, 1, 2)
    federation.submit_honestly()
    derived = federation.derive()
    federation.propose(b"no model", derived.report)
    for aggregator in (1, 2):
        federation.attest(federation.sign(aggregator, derived.model, derived.report))
    world.advance_clock(federation.task.parameters.aggregate_seconds + 1)
    finish_round(federation, derived)
    open_round(federation, 2, 1, 2)
    coordinator = federation.ledger(federation.coordinator)
    coordinator.send(Pause(0))
    world.advance_clock(federation.task.parameters.collect_seconds + 1)
    coordinator.send(Abort(2))
    open_round(federation, 3, 1, 2)
    federation.submit_honestly()
    world.advance_clock(federation.task.parameters.aggregate_seconds * 2)
    finish_round(federation, federation.derive(), is_disputed=True)
    world.advance_clock(federation.task.parameters.challenge_seconds)
    richer = federation.ledger(federation.aggregators[1])
    richer.send(WithdrawBond())
    richer.send(ClaimPayout())
    follower = TaskFollower(richer, federation.store)
    follower.refresh()
    assert pay_rewards(follower, federation.store, ignore_progress) == 1
    reclaim_pot(coordinator, ignore_progress)
    change_keys(federation)
    return record(federation)


def open_round(federation: Federation, number: int, *aggregators: int) -> None:
    """Reveal the secrets of some aggregators, and let the time for others pass."""
    for who in aggregators:
        action = RevealSeed(number, SECRETS[who][-1 - number])
        federation.ledger(federation.aggregators[who]).send(action)
    federation.world.advance_clock(SEED_SECONDS)


def change_keys(federation: Federation) -> None:
    """The first participant names an encryption key and a successor, the successor leaves."""
    world, address = federation.world, federation.created.registry
    former, successor = federation.participants[0], world.account(SUCCESSOR)
    registry = EthereumRegistry(world.connection, address, former)
    registry.send(SetEncryptionKey(bytes(range(32))))
    accepting = EthereumRegistry(world.connection, address, successor)
    acceptance = accepting.accept(registry.sender)
    registry.send(Rotate(registry.sender, accepting.sender, acceptance))
    federation.ledger(successor).send(Succeed(registry.sender))
    accepting.send(LeaveRegistry())


def finish_round(
    federation: Federation, derived: DerivedRound, *, is_disputed: bool = False
) -> None:
    """The second aggregator proposes and perhaps wins a dispute, the third agrees."""
    federation.propose(derived.model, derived.report, by=1)
    if is_disputed:
        follower = TaskFollower(federation.ledger(federation.aggregators[1]), federation.store)
        defender = Defender(follower, federation.store, ignore_progress, patience_seconds=5)
        federation.challenge(position=3)
        follower.refresh()
        assert defender.move()
        federation.select(part=1)
        follower.refresh()
        assert defender.move()
    federation.attest(federation.sign(2, derived.model, derived.report))


def with_logs(evidence: Evidence, contract: str, logs: list[Log]) -> Evidence:
    changed = replace(getattr(evidence, contract), logs=logs)
    return replace(evidence, **{contract: changed})


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flip_word(log: Log, word: int, bit: int) -> Log:
    """Flip a bit in a log's word; the first is topic 0."""
    if word < len(log.topics):
        topics = list(log.topics)
        topics[word] = flip(topics[word], bit)
        return replace(log, topics=tuple(topics))
    return replace(log, data=flip(log.data, 8 * WORD_BYTES * (word - len(log.topics)) + bit))


def num_words(log: Log) -> int:
    return len(log.topics) + len(log.data) // WORD_BYTES


def expect_failure(evidence: Evidence, contract: str) -> None:
    findings = run_audit(evidence)
    assert compute_verdict(findings) == Verdict.FAIL
    assert (None, f"{contract}_history", "FAIL") in problems(findings)


def test_every_record_type_of_a_running_task_is_tampered_with(recorded: Recorded) -> None:
    kinds = {type(decode_log(log)) for log in recorded.evidence.ledger.logs}
    assert {kind.__name__ for kind in set(LEDGER_RECORDS) - kinds} == {
        "ParticipantRemoved",
        "PartSplit",  # takes more than 32 updates
        *("PeersApart", "UpdateUnmasked"),  # only with masks: test_masked_updates.py
        "TaskStopped",
        "UpdatesListed",  # not in a task with commitments: test_lists_that_cheat.py
    }
    kinds = {type(decode_log(log)) for log in recorded.evidence.registry.logs}
    assert {kind.__name__ for kind in set(REGISTRY_RECORDS) - kinds} == {
        "EnrolmentBondClaimed",  # as those below, in tests/end_to_end/test_identities.py
        "ParticipantBonded",
        "ParticipantRevoked",
    }
    assert problems(run_audit(recorded.evidence)) == []


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("bit", [0, 255], ids=["first bit", "last bit"])
def test_one_bit_in_any_field_of_any_record_fails_the_history(
    recorded: Recorded, contract: str, bit: int
) -> None:
    logs = list(getattr(recorded.evidence, contract).logs)
    for position, log in enumerate(logs):
        for word in range(num_words(log)):
            forged = [*logs[:position], flip_word(log, word, bit), *logs[position + 1 :]]
            expect_failure(with_logs(recorded.evidence, contract, forged), contract)


@given(data=st.data())
@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bit_of_any_record_fails_the_history(recorded: Recorded, data: Any) -> None:
    contract = data.draw(st.sampled_from(CONTRACTS))
    logs = list(getattr(recorded.evidence, contract).logs)
    position = data.draw(st.integers(0, len(logs) - 1))
    word = data.draw(st.integers(0, num_words(logs[position]) - 1))
    logs[position] = flip_word(logs[position], word, data.draw(st.integers(0, 255)))
    expect_failure(with_logs(recorded.evidence, contract, logs), contract)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_any_omitted_log_fails_the_history(recorded: Recorded, contract: str) -> None:
    logs = list(getattr(recorded.evidence, contract).logs)
    for position in range(len(logs)):
        forged = logs[:position] + logs[position + 1 :]
        expect_failure(with_logs(recorded.evidence, contract, forged), contract)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_any_two_logs_in_the_other_order_fail_the_history(
    recorded: Recorded, contract: str
) -> None:
    logs = list(getattr(recorded.evidence, contract).logs)
    for position in range(len(logs) - 1):
        forged = list(logs)
        forged[position : position + 2] = forged[position + 1], forged[position]
        expect_failure(with_logs(recorded.evidence, contract, forged), contract)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_history_cut_anywhere_fails(recorded: Recorded, contract: str) -> None:
    logs = list(getattr(recorded.evidence, contract).logs)
    for length in range(len(logs)):
        expect_failure(with_logs(recorded.evidence, contract, logs[:length]), contract)


def test_an_invented_log_fails_the_history(recorded: Recorded) -> None:
    logs = list(recorded.evidence.ledger.logs)
    topics, data = encode_log(
        UpdateSubmitted(4, "0x" + "1" * 40, 0, b"1" * 32, b"2" * 32, 1, 2**39)
    )
    invented = replace(logs[-1], topics=topics, data=data)
    expect_failure(with_logs(recorded.evidence, "ledger", [*logs, invented]), "ledger")


@pytest.mark.parametrize("contract", CONTRACTS)
def test_logs_of_the_other_contract_fail_the_history(recorded: Recorded, contract: str) -> None:
    other = CONTRACTS[1 - CONTRACTS.index(contract)]
    logs = [*getattr(recorded.evidence, contract).logs, *getattr(recorded.evidence, other).logs]
    expect_failure(with_logs(recorded.evidence, contract, logs), contract)


@pytest.mark.parametrize(
    "change",
    [
        {"topics": ()},
        {"topics": (b"",)},
        {"topics": (b"\0" * 32,)},
        {"data": b""},
        {"data": b"\xff" * 31},
        {"data": b"\xff" * 3200},
    ],
    ids=["no topic", "short topic", "unknown event", "no data", "half a word", "too many words"],
)
def test_a_log_that_is_no_record_fails_the_history(
    recorded: Recorded, change: dict[str, Any]
) -> None:
    for contract in CONTRACTS:
        logs = list(getattr(recorded.evidence, contract).logs)
        for position, log in enumerate(logs):
            forged = [*logs[:position], replace(log, **change), *logs[position + 1 :]]
            expect_failure(with_logs(recorded.evidence, contract, forged), contract)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_another_running_hash_fails_the_history(recorded: Recorded, contract: str) -> None:
    evidence = getattr(recorded.evidence, contract)
    for history_hash in (flip(evidence.history_hash, 5), b"", bytes(32)):
        changed = replace(evidence, history_hash=history_hash)
        found = problems(run_audit(replace(recorded.evidence, **{contract: changed})))
        assert found == [(None, f"{contract}_history", "FAIL")]


def test_the_history_of_another_chain_or_address_fails(recorded: Recorded) -> None:
    evidence = recorded.evidence
    assert (None, "ledger_history", "FAIL") in problems(run_audit(replace(evidence, chain_id=1)))
    elsewhere = replace(evidence.ledger, address="0x" + "5" * 40)
    found = problems(run_audit(replace(evidence, ledger=elsewhere)))
    assert found == [(None, "ledger_history", "FAIL")]
