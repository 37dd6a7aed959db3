"""A contract that is not this project's, in the place of the ledger or of the registry.

Caught by ``ledger_code`` and ``registry_code``, which compare the deployed code, and the creation
code too: other creation code could leave our code behind with a forged history in its storage.
What never created a task is refused before an audit begins: ``UnknownContract``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.chain.contracts import LEDGER, encode_creation, load_artifact
from fl_chain.chain.ethereum import Deployer, EthereumLedger, find_tasks
from fl_chain.chain.sender import TransactionSender
from fl_chain.errors import UnknownContract
from fl_chain.protocol.logs import topic_of
from fl_chain.protocol.records import TaskCreated
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
