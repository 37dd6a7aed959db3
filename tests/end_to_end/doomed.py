"""Roles in processes of their own that end themselves with SIGKILL at a chosen point."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from eth_account import Account

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import EthereumLedger
from fl_chain.chain.ledger import Receipt
from fl_chain.protocol.actions import (
    Attest,
    CommitUpdate,
    DepositBond,
    Finalize,
    LedgerAction,
    Propose,
    RevealUpdate,
    SubmitUpdate,
)
from fl_chain.protocol.attestation import Signature
from fl_chain.protocol.cid import Cid
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.journal import Journal, JournalEntry
from fl_chain.roles.participant import ParticipantRole
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.training.evaluation import Evaluation
from fl_chain.training.trainer import Trainer, TrainingResult

PARTICIPANT_POINTS = (
    "before training",
    "after training",
    "after the update is in the journal",
    "after the pin",
    "after the transaction is signed",
    "after the submission",
)
COMMITTED_POINTS = (
    "after training",
    "after the update is in the journal",
    "after the transaction is signed",
    "after the commitment",
    "before the pin",
    "after the pin",
    "after transaction 2 is signed",
    "after the submission",
)
"""Of a participant that commits and reveals."""
AGGREGATOR_POINTS = (
    "while it collects",
    "before the pin",
    "after the model is pinned",
    "after the report is pinned",
    "after the proposal",
    "after the finalization",
)
COMMITTEE_POINTS = (
    "after the deposit",
    "while it collects",
    "after the result is in the journal",
    "before the pin",
    "after the report is pinned",
    "after the transaction is signed",
    "after the proposal",
    "before the signature",
    "after the attestation",
)
"""Of an aggregator that proposes in one round and attests in the other."""


@dataclass(frozen=True)
class Orders:
    """What a process is to do; travels by pickle."""

    role: str
    point: str
    """Where to end; empty to live."""
    rpc_url: str
    ipfs: str
    task: str
    key: str
    directory: Path


def start(orders: Orders) -> BaseProcess:
    """Start a role in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=run, args=(orders,), daemon=True)
    process.start()
    return process


def run(orders: Orders) -> None:
    """Run a role until the task is over, or until its point."""

    def reach(point: str) -> None:
        if point == orders.point:
            os.kill(os.getpid(), signal.SIGKILL)

    account = Account.from_key(orders.key)
    connection = ChainConnection(orders.rpc_url)
    with IpfsStore(orders.ipfs, timeout_seconds=30) as ipfs:
        store = _Store(ipfs, reach)
        journal = _Journal(reach, orders.directory)
        ledger = _Ledger(reach, connection, orders.task, account, journal)
        if orders.role == "aggregator":
            AggregatorRole(ledger, store, journal).run()
        else:
            trainer: Any = _Trainer(reach)
            ParticipantRole(ledger, store, trainer, journal).run()


Reach = Callable[[str], None]


class _Store:
    def __init__(self, store: IpfsStore, reach: Reach) -> None:
        self._store, self._reach, self._num_puts = store, reach, 0

    def put(self, data: bytes) -> Cid:
        self._reach("before the pin")
        cid = self._store.put(data)
        self._num_puts += 1
        self._reach("after the pin")
        self._reach(f"after the {'model' if self._num_puts % 2 else 'report'} is pinned")
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        data = self._store.get(cid, max_bytes=max_bytes)
        # The first two are manifest and genesis model.
        self._num_gets = getattr(self, "_num_gets", 0) + 1
        if self._num_gets == 3:
            self._reach("while it collects")
        return data


class _Ledger(EthereumLedger):
    def __init__(self, reach: Reach, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._reach = reach

    def send(self, action: LedgerAction) -> Receipt:
        receipt = super().send(action)
        points = {
            SubmitUpdate: "after the submission",
            CommitUpdate: "after the commitment",
            RevealUpdate: "after the submission",
            Propose: "after the proposal",
            Finalize: "after the finalization",
            DepositBond: "after the deposit",
            Attest: "after the attestation",
        }
        self._reach(points.get(type(action), ""))
        return receipt

    def sign(self, message: bytes) -> Signature:
        self._reach("before the signature")
        return super().sign(message)


class _Journal(Journal):
    def __init__(self, reach: Reach, directory: Path) -> None:
        super().__init__(directory)
        self._reach, self._num_transactions = reach, 0

    def write_update(self, entry: JournalEntry) -> None:
        super().write_update(entry)
        self._reach("after the update is in the journal")

    def write_result(self, round_number: int, result: bytes) -> None:
        super().write_result(round_number, result)
        self._reach("after the result is in the journal")

    def write_transaction(self, raw: bytes) -> None:
        super().write_transaction(raw)
        self._num_transactions += 1
        self._reach("after the transaction is signed")
        self._reach(f"after transaction {self._num_transactions} is signed")


class _Trainer(Trainer):
    """A step that differs with every call, as a training does that is not deterministic."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        self._reach("before training")
        random = np.random.default_rng()
        delta = {
            name: random.normal(0, 0.01, values.shape).astype(np.float32)
            for name, values in parameters.items()
        }
        self._reach("after training")
        return TrainingResult(delta, 100, 1.0, 0.0)

    def evaluate(self, parameters: Any, *, round_number: int = 1) -> Evaluation:
        return Evaluation(50, 5, 2.3)
