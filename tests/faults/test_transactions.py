"""What becomes of a transaction when something happens between signing and mining."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import EthereumLedger, transfer
from fl_chain.chain.sender import TransactionSender
from fl_chain.errors import InsufficientFunds, TransactionRejected
from fl_chain.protocol.actions import SubmitUpdate
from fl_chain.protocol.digest import compute_digest
from tests.proxies import ChainProxy, chain_proxy
from tests.world import Federation, World, assert_passes


class Outbox:
    """A journal in memory."""

    def __init__(self) -> None:
        self.raw: bytes | None = None
        self.on_write: Callable[[], None] = lambda: None

    def write_transaction(self, raw: bytes) -> None:
        self.raw = raw
        self.on_write()

    def read_transaction(self) -> bytes | None:
        return self.raw

    def forget_transaction(self) -> None:
        self.raw = None


class Killed(Exception):
    """Stands for the end of the process."""


def die() -> None:
    raise Killed


@pytest.fixture
def federation(world: World) -> Federation:
    return world.federation(num_rounds=1, min_updates=1)


def action(federation: Federation, participant: int) -> SubmitUpdate:
    blob = federation.update(participant)
    cid = federation.store.put(blob)
    return SubmitUpdate(1, compute_digest(blob), cid.digest, 10)


def ledger(
    federation: Federation, participant: int, outbox: Outbox | None = None
) -> EthereumLedger:
    account = federation.participants[participant]
    return EthereumLedger(federation.world.connection, federation.address, account, outbox)


def test_what_was_signed_before_a_crash_is_sent_as_it_was(federation: Federation) -> None:
    outbox = Outbox()
    outbox.on_write = die
    with pytest.raises(Killed):
        ledger(federation, 0, outbox).send(action(federation, 0))
    assert outbox.raw is not None
    assert federation.task.current.num_updates == 0
    outbox.on_write = lambda: None
    with pytest.raises(TransactionRejected) as refused:
        ledger(federation, 0, outbox).send(action(federation, 0))
    assert refused.value.error == "AlreadySubmitted"
    assert outbox.raw is None
    assert federation.task.current.num_updates == 1


def test_what_was_mined_before_a_crash_is_not_sent_twice(federation: Federation) -> None:
    outbox, kept = Outbox(), Outbox()
    outbox.on_write = lambda: setattr(kept, "raw", outbox.raw)
    ledger(federation, 0, outbox).send(action(federation, 0))
    with pytest.raises(TransactionRejected) as refused:
        ledger(federation, 0, kept).send(action(federation, 0))
    assert refused.value.error == "AlreadySubmitted"
    assert federation.task.current.num_updates == 1


def test_a_signed_transaction_whose_place_another_took_is_forgotten_at_once(
    federation: Federation,
) -> None:
    outbox = Outbox()
    outbox.on_write = die
    with pytest.raises(Killed):
        ledger(federation, 0, outbox).send(action(federation, 0))
    # The same key is used by another program before the restart.
    account = federation.participants[0]
    transfer(federation.world.connection, account, federation.address_of(1), 1)
    outbox.on_write = lambda: None
    ledger(federation, 0, outbox).send(action(federation, 0))
    assert outbox.raw is None
    assert federation.task.current.num_updates == 1


def test_another_program_with_the_same_key_costs_an_attempt_and_no_more(
    federation: Federation,
) -> None:
    outbox = Outbox()
    account = federation.participants[0]
    others = [1]

    def interfere() -> None:
        if others and others.pop():
            transfer(federation.world.connection, account, federation.address_of(1), 1)

    outbox.on_write = interfere
    ledger(federation, 0, outbox).send(action(federation, 0))
    assert federation.task.current.num_updates == 1


def test_a_race_that_is_lost_on_chain_carries_the_contracts_error(world: World) -> None:
    """Both were told that all is well; the second finds the round closed by the first."""
    federation = world.federation(num_rounds=1, min_updates=1, target_updates=1)
    actions = [action(federation, participant) for participant in (0, 1)]
    both_signed = threading.Barrier(2, timeout=30)
    refusals: list[TransactionRejected] = []

    def submit(participant: int) -> None:
        outbox = Outbox()
        outbox.on_write = lambda: _ignore(both_signed.wait())
        try:
            ledger(federation, participant, outbox).send(actions[participant])
        except TransactionRejected as error:
            refusals.append(error)

    threads = [threading.Thread(target=submit, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error.error for error in refusals] == ["UnexpectedPhase"]
    assert "failed in block" in refusals[0].message
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)


def _ignore(value: object) -> None:
    pass


def test_a_key_without_funds_is_told_so_before_anything_is_sent(federation: Federation) -> None:
    poor = Account.create()
    with pytest.raises(InsufficientFunds, match=str(poor.address).lower()):
        TransactionSender(federation.world.connection, poor).send(federation.address_of(0), b"")


def test_a_refusal_costs_no_gas(federation: Federation) -> None:
    account = str(federation.participants[0].address)
    before = federation.world.connection.call("eth_getBalance", account, "latest")
    with pytest.raises(TransactionRejected):
        ledger(federation, 0).send(replace(action(federation, 0), weight=0))
    assert federation.world.connection.call("eth_getBalance", account, "latest") == before


@pytest.fixture
def chain(federation: Federation) -> Iterator[ChainProxy]:
    with chain_proxy(federation.world.connection.rpc_url) as proxy:
        yield proxy


def send_through(chain: ChainProxy, federation: Federation, **timeout: float) -> list[str]:
    """Submit an update through a node; return the methods that were called from then on."""
    connection = ChainConnection(chain.url, **timeout)
    account = federation.participants[0]
    writer = EthereumLedger(connection, federation.address, account)
    sent = action(federation, 0)
    methods = list[str]()
    change = chain.change

    def note(method: str, params: list[Any], result: Any) -> Any:
        methods.append(method)
        return change(method, params, result)

    chain.change = note
    receipt = writer.send(sent)
    record = federation.task.rounds[1].updates[0]
    assert record.digest == sent.digest
    mined = federation.world.connection.call(RECEIPT, "0x" + receipt.transaction_hash.hex())
    assert int(mined["blockNumber"], 16) == receipt.block_number
    return methods


SYNC, PLAIN, RECEIPT = (
    "eth_sendRawTransactionSync",
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
)


def test_a_node_that_knows_eip_7966_is_asked_once(
    federation: Federation, chain: ChainProxy
) -> None:
    methods = send_through(chain, federation)
    assert SYNC in methods
    assert not {PLAIN, RECEIPT} & set(methods)


def test_a_node_without_eip_7966_is_asked_for_the_receipt(
    federation: Federation, chain: ChainProxy
) -> None:
    chain.renamed[SYNC] = "eth_thatNobodyKnows"
    methods = send_through(chain, federation)
    assert SYNC not in methods
    assert {PLAIN, RECEIPT} <= set(methods)


def test_a_transaction_that_is_not_mined_in_time_is_waited_for(
    federation: Federation, chain: ChainProxy
) -> None:
    chain.renamed[SYNC] = PLAIN
    chain.errors[SYNC] = {"code": 4, "message": "the transaction was added but is not mined yet"}
    assert RECEIPT in send_through(chain, federation)


def test_a_node_that_keeps_the_request_longer_than_this_side_waits_is_asked_for_the_receipt(
    federation: Federation, chain: ChainProxy
) -> None:
    def keep(method: str, params: list[Any], result: Any) -> Any:
        if method == SYNC:
            chain.released.wait(60)
        return result

    chain.change = keep
    assert RECEIPT in send_through(chain, federation, timeout_seconds=3)
