"""What becomes of a transaction when something happens between signing and mining."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_account import Account

from fl_chain.chain.ethereum import EthereumLedger, transfer
from fl_chain.chain.sender import TransactionSender
from fl_chain.errors import InsufficientFunds, TransactionRejected
from fl_chain.protocol.actions import SubmitUpdate
from fl_chain.protocol.digest import compute_digest
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
