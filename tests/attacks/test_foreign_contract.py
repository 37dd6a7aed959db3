"""A contract that is not this project's, in the place of the ledger or of the registry.

Caught by ``ledger_code`` and ``registry_code``, which compare the deployed code, and the creation
code too: other creation code could leave our code behind with a forged history in its storage.
What never created a task is refused before an audit begins: ``UnknownContract``. The same goes for
our ledger with somebody else's code for disputes, which could do anything on its storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak

from fl_chain.audit.audit import run_audit
from fl_chain.audit.evidence import CodeEvidence
from fl_chain.chain import ethereum
from fl_chain.chain.contracts import DISPUTES, LEDGER, encode_creation, load_artifact
from fl_chain.chain.ethereum import Deployer, EthereumLedger, find_disputes, find_tasks
from fl_chain.chain.sender import TransactionSender
from fl_chain.errors import UnknownContract
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.logs import Log, append_history, compute_record_hash, encode_log, topic_of
from fl_chain.protocol.records import (
    RECORD_PREFIX_BYTES,
    TaskCreated,
    TaskParameters,
    UpdateSubmitted,
)
from fl_chain.roles.auditor import collect_evidence
from tests.world import Federation, World, problems, record


@pytest.fixture(scope="module")
def honest(world: World) -> Federation:
    federation = world.federation(num_rounds=1)
    federation.run_round()
    return federation


def deploy(world: World, creation: bytes) -> str:
    """Deploy anything and return its address."""
    receipt = TransactionSender(world.connection, world.account(0)).send(None, creation)
    answer = world.connection.call(
        "eth_getTransactionReceipt", "0x" + receipt.transaction_hash.hex()
    )
    return str(answer["contractAddress"]).lower()


def creation_of(runtime: bytes) -> bytes:
    """Return creation code that leaves any code of up to 64 KiB behind."""
    # PUSH2 size, DUP1, PUSH1 start, PUSH0, CODECOPY, PUSH0, RETURN
    head = b"\x61" + len(runtime).to_bytes(2) + bytes.fromhex("80600a5f395ff3")
    assert len(head) == 10
    return head + runtime


REVERTING = bytes.fromhex("5f5ffd")
ANSWERING = bytes.fromhex("60205ff3")  # 32 zero bytes to every call
SHOUTING = bytes.fromhex("5f5fa0") + bytes.fromhex("00")  # an event without topics


@pytest.mark.parametrize("contract", ["ledger", "registry"])
def test_other_code_at_the_address_fails(honest: Federation, contract: str) -> None:
    evidence = record(honest).evidence
    foreign = replace(getattr(evidence, contract), is_known_code=False)
    found = problems(run_audit(replace(evidence, **{contract: foreign})))
    assert found == [(None, f"{contract}_code", "FAIL")]


@pytest.mark.parametrize("contract", ["ledger", "registry"])
def test_other_creation_code_fails(honest: Federation, contract: str) -> None:
    evidence = record(honest).evidence
    proper = getattr(evidence, contract)
    for creation in (b"", proper.creation_input + b"\0", proper.creation_input[:-1], b"\0" * 9):
        foreign = replace(proper, creation_input=creation)
        found = problems(run_audit(replace(evidence, **{contract: foreign})))
        assert found == [(None, f"{contract}_code", "FAIL")]


def test_our_code_left_behind_by_other_creation_code_fails(honest: Federation) -> None:
    """A factory's contract: known code, whose history nobody has seen begin."""
    world = honest.world
    runtime = world.connection.code(honest.address)
    copy = deploy(world, creation_of(runtime))
    EthereumLedger(world.connection, copy)  # by its code it is a ledger
    with pytest.raises(UnknownContract, match="never created a task"):
        collect_evidence(world.connection, copy, world.store)
    # Had it shouted the right event while it was made, its creation code would have told.
    evidence = honest.evidence()
    forged = replace(evidence.ledger, creation_input=creation_of(runtime))
    found = problems(run_audit(replace(evidence, ledger=forged)))
    assert found == [(None, "ledger_code", "FAIL")]


@pytest.mark.parametrize("runtime", [REVERTING, ANSWERING, b""], ids=["reverts", "answers", "none"])
def test_what_never_created_a_task_is_refused(world: World, runtime: bytes) -> None:
    address = deploy(world, creation_of(runtime)) if runtime else "0x" + "77" * 20
    with pytest.raises(UnknownContract):
        EthereumLedger(world.connection, address)
    told = "never created a task" if runtime else "there is no contract at"
    with pytest.raises(UnknownContract, match=told):
        collect_evidence(world.connection, address, world.store)


def test_the_registry_is_no_task(honest: Federation) -> None:
    registry = honest.created.registry
    with pytest.raises(UnknownContract):
        EthereumLedger(honest.world.connection, registry)
    with pytest.raises(UnknownContract):
        collect_evidence(honest.world.connection, registry, honest.store)


def test_a_contract_with_foreign_events_is_refused(world: World) -> None:
    address = deploy(world, creation_of(SHOUTING))
    TransactionSender(world.connection, world.account(0)).send(address, b"")
    with pytest.raises(UnknownContract):
        collect_evidence(world.connection, address, world.store)


@pytest.mark.parametrize("runtime", [REVERTING, ANSWERING], ids=["reverts", "answers"])
def test_a_ledger_on_a_foreign_registry_fails_the_registry_code(
    honest: Federation, runtime: bytes
) -> None:
    world = honest.world
    registry = deploy(world, creation_of(runtime))
    parameters = replace(honest.task.parameters, registry=registry)
    deployer = Deployer(world.connection, honest.coordinator)
    address = deployer.deploy_ledger(parameters, tuple(honest.task.committee.members))
    findings = run_audit(collect_evidence(world.connection, address, world.store))
    assert problems(findings) == [
        (None, "registry_history", "FAIL"),
        (None, "registry_code", "FAIL"),
        (None, "registry_transitions", "FAIL"),
    ]


def test_a_contract_that_only_claims_to_be_a_task_is_not_listed(world: World) -> None:
    """It emits TaskCreated with words of its own when it is called."""
    topic = topic_of(TaskCreated)
    # PUSH32 topic, PUSH0, PUSH0, LOG1, STOP
    address = deploy(world, creation_of(b"\x7f" + topic + bytes.fromhex("5f5fa100")))
    TransactionSender(world.connection, world.account(0)).send(address, b"")
    assert address not in [found for found, _ in find_tasks(world.connection)]
    with pytest.raises(UnknownContract):
        collect_evidence(world.connection, address, world.store)


def test_the_creation_code_is_the_artifacts(honest: Federation) -> None:
    evidence = honest.evidence()
    assert evidence.ledger_creation_code == bytes.fromhex(load_artifact(LEDGER)["bytecode"][2:])
    aggregators = tuple(honest.task.committee.members)
    creation = encode_creation(LEDGER, honest.task.parameters, aggregators)
    assert evidence.ledger.creation_input == creation


DRAINING = bytes.fromhex("5f5f5f5f47335af100")  # all money goes to whoever calls
OBEYING = bytes.fromhex(
    # Begins the calldata with 0, the word at byte 33 goes into the slot at byte 1; otherwise what
    # is behind three words becomes a log that has them for topics.
    "5f3560f81c6010576021356001355500" + "5b606136038060615f37604135602135600135835fa300"
)
LAYOUT = {name: slot for name, slot, _ in load_artifact(LEDGER)["storage"]}


@contextmanager
def betrayed(
    world: World, runtime: bytes, monkeypatch: pytest.MonkeyPatch, bond_gwei: int = 0
) -> Iterator[Federation]:
    """A task whose coordinator brought its own code for disputes, and where nobody looked."""
    disputes = deploy(world, creation_of(runtime))
    with monkeypatch.context() as patches:
        patches.setattr(Deployer, "deploy_disputes", lambda self: disputes)
        patches.setattr(ethereum, "check_ledger", lambda connection, address: None)
        federation = world.federation(bond_gwei=bond_gwei, num_rounds=1, min_updates=2)
        yield federation
    with pytest.raises(UnknownContract, match=f"runs code at {disputes} that is not"):
        federation.ledger()
    assert federation.address not in [found for found, _ in find_tasks(world.connection)]
    assert problems(federation.audit()) == [(None, "ledger_code", "FAIL")]
    assert find_disputes(world.connection) not in ("", disputes)


def send(federation: Federation, data: bytes) -> None:
    """Call the ledger as somebody who has no part in the task."""
    TransactionSender(federation.world.connection, federation.world.account(20)).send(
        federation.address, data
    )


def test_code_for_disputes_that_takes_the_bonds_is_found(
    world: World, honest: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with betrayed(world, DRAINING, monkeypatch, bond_gwei=10**9) as federation:
        federation.deposit_bonds()
        assert int(world.connection.call("eth_getBalance", federation.address, "latest"), 16) > 0
        send(federation, bytes(4))
        assert int(world.connection.call("eth_getBalance", federation.address, "latest"), 16) == 0


def test_code_for_disputes_that_submits_for_others_is_found_and_by_nothing_else(
    world: World, honest: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes an update of somebody who sent none: record, hash and storage agree."""
    with betrayed(world, OBEYING, monkeypatch) as federation:
        federation.submit_honestly(0, 1)
        blob, victim = federation.update(2), federation.address_of(2)
        federation.store.put(blob)
        digests = compute_digest(blob), compute_cid(blob).digest
        forged = UpdateSubmitted(1, victim, 2, *digests, 100, federation.task.last_timestamp)
        entry = keccak(int(victim, 16).to_bytes(32) + LAYOUT["_participants"].to_bytes(32))
        proof = int.from_bytes(compute_record_hash(forged)[:RECORD_PREFIX_BYTES])
        history = append_history(stored(federation, LAYOUT["_historyHash"]), forged)
        # One update more, which closes collection.
        current = int.from_bytes(stored(federation, LAYOUT["_current"]))
        current += (1 << 64) + (forged.timestamp << 168)
        topics, data = encode_log(forged)
        send(federation, b"\1" + b"".join(topics) + data)
        for slot, word in (
            (LAYOUT["_historyHash"], history),
            (LAYOUT["_current"], current.to_bytes(32)),
            (int.from_bytes(entry), (1 | 1 << 8 | 2 << 40 | proof << 72).to_bytes(32)),
        ):
            send(federation, b"\0" + slot.to_bytes(32) + word)
        federation.aggregate()
        evidence = federation.evidence()
        assert not evidence.disputes.is_known_code
        fooled = CodeEvidence(evidence.disputes.address, is_known_code=True)
        assert problems(run_audit(replace(evidence, disputes=fooled))) == []


def stored(federation: Federation, slot: int) -> bytes:
    connection = federation.world.connection
    word = connection.call("eth_getStorageAt", federation.address, hex(slot), "latest")
    return int(word, 16).to_bytes(32)


def test_our_code_for_disputes_elsewhere_is_not_the_one_that_the_ledger_runs(
    honest: Federation,
) -> None:
    evidence = record(honest).evidence
    elsewhere = CodeEvidence("0x" + "d1" * 20, is_known_code=True)
    found = problems(run_audit(replace(evidence, disputes=elsewhere)))
    assert found == [(None, "ledger_code", "FAIL")]


def test_another_registry_than_the_one_that_the_task_names_fails(honest: Federation) -> None:
    evidence = record(honest).evidence
    other = replace(evidence.registry, address="0x" + "e1" * 20)
    found = problems(run_audit(replace(evidence, registry=other)))
    assert (None, "registry_code", "FAIL") in found


class ManyTasks:
    """Answers like a chain node of a chain on which anybody made up any number of tasks."""

    def __init__(self, parameters: TaskParameters, disputes: list[str]) -> None:
        self.ours = parameters.disputes
        self.logs = []
        for number, named in enumerate(disputes):
            created = TaskCreated(self.ours, replace(parameters, disputes=named), number)
            self.logs.append(Log(self.ours, *encode_log(created), number, 0, bytes(32)))

    def fetch_logs(self, from_block: int, topics: list[str]) -> list[Log]:
        return self.logs

    def code(self, address: str) -> bytes:
        return bytes.fromhex(
            load_artifact(DISPUTES)["deployedBytecode"][2:] * (address == self.ours)
        )


def test_code_for_disputes_is_shared_and_made_up_tasks_cost_no_more_than_a_look(
    honest: Federation,
) -> None:
    deployer = Deployer(honest.world.connection, honest.coordinator)
    assert deployer.deploy_disputes() == find_disputes(honest.world.connection) != ""
    parameters = honest.task.parameters
    ours, others = parameters.disputes, [f"0x{number:040x}" for number in range(1, 20)]
    few = others[: ethereum.MOST_LOOKED_AT - 1]
    for named, found in (
        ([ours], ours),
        ([ours, *few], ours),
        ([ours, *few * 9], ours),
        ([ours, *others], ""),
        ([*others, ours], ours),
        (others, ""),
        ([], ""),
    ):
        chain: Any = ManyTasks(parameters, named)
        chain.logs.append(Log(ours, (topic_of(TaskCreated),), b"", 99, 0, bytes(32)))
        assert find_disputes(chain) == found
