"""A federation for benchmarks: a real chain node, many funded accounts, contracts, no training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from eth_account import Account
from eth_account.signers.local import LocalAccount

from fl_chain.aggregation.round_blobs import model_header, update_header
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.devnet import start_chain_node
from fl_chain.chain.ethereum import Deployer, EthereumLedger
from fl_chain.chain.keys import sign_hash
from fl_chain.protocol.actions import Admit, DepositBond, Enrol, ListUpdates, SubmitBatch
from fl_chain.protocol.agreement import compute_parameters
from fl_chain.protocol.attestation import compute_signing_hash
from fl_chain.protocol.blob import Layout, count_values, encode_blob
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import (
    CommitteeParameters,
    Manifest,
    RoundParameters,
    encode_manifest,
)
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from fl_chain.protocol.update_list import ListEntry, UpdateList, encode_update_list
from fl_chain.roles.relay import BATCH_SIZE
from fl_chain.storage.store import ContentStore

TWO_NN: Layout = (
    ("hidden1.bias", (200,)),
    ("hidden1.weight", (200, 784)),
    ("hidden2.bias", (200,)),
    ("hidden2.weight", (200, 200)),
    ("output.bias", (10,)),
    ("output.weight", (10, 200)),
)
"""The layout of mcmahan_2nn: 199,210 parameters."""
ADMISSIONS_PER_TRANSACTION = 100
COLLECT_SECONDS = 86400


class Federation:
    """One task with many participants and one aggregator, all keys in this process."""

    def __init__(
        self,
        rpc_url: str,
        store: ContentStore,
        participants: int,
        rounds: int,
        *,
        layout: Layout = TWO_NN,
        bond_gwei: int = 0,
        challenge_seconds: int = 0,
        list_seconds: int = 0,
    ) -> None:
        self.connection = ChainConnection(rpc_url)
        self.accounts = [_account(index) for index in range(participants)]
        self.coordinator = _account(-1)
        for account in [*self.accounts, self.coordinator]:
            self.connection.call("anvil_setBalance", account.address, hex(10**21))
        self.manifest = Manifest(
            name="benchmark",
            salt="00" * 16,
            chain_id=self.connection.chain_id,
            committee=CommitteeParameters((self.coordinator.address.lower(),), bond_gwei),
            layout=layout,
            rounds=RoundParameters(
                rounds,
                1,
                participants,
                1000,
                COLLECT_SECONDS,
                86400,
                challenge_seconds,
                list_seconds=list_seconds,
            ),
            recipe=Recipe("mcmahan_2nn", "none"),
        )
        document = encode_manifest(self.manifest)
        genesis = encode_blob(model_header(self.manifest), np.zeros(count_values(layout), np.int32))
        self.genesis_digest = compute_digest(genesis)
        deployer = Deployer(self.connection, self.coordinator)
        registry = deployer.deploy_registry()
        parameters = compute_parameters(
            self.manifest,
            registry=registry,
            disputes=deployer.deploy_disputes(),
            manifest_digest=compute_digest(document),
            manifest_cid_digest=store.put(document).digest,
            genesis_digest=self.genesis_digest,
            genesis_cid_digest=store.put(genesis).digest,
        )
        self.address = deployer.deploy_ledger(parameters, self.manifest.committee.aggregators)
        addresses = [account.address.lower() for account in self.accounts]
        for start in range(0, participants, ADMISSIONS_PER_TRANSACTION):
            batch = tuple(addresses[start : start + ADMISSIONS_PER_TRANSACTION])
            deployer.send(registry, Enrol(batch))
            deployer.send(self.address, Admit(batch))

    def ledger(self, account: LocalAccount) -> EthereumLedger:
        """Return the task as one account sees it."""
        return EthereumLedger(self.connection, self.address, account)

    def submit_all(self, store: ContentStore, base: str) -> None:
        """Pin an update of random lanes for everybody in round 1, and relay them in batches."""
        signed = self.sign_all(store, base)
        relay = self.ledger(self.coordinator)
        for start in range(0, len(signed), BATCH_SIZE):
            relay.send(SubmitBatch(1, tuple(signed[start : start + BATCH_SIZE])))

    def list_all(self, store: ContentStore, base: str) -> tuple[int, int]:
        """Pin updates as :meth:`submit_all` does, and list them; return bytes and gas of the list.

        Collection is over then.
        """
        entries = tuple(
            ListEntry(account.address.lower(), update)
            for account, update in zip(self.accounts, self.sign_all(store, base), strict=True)
        )
        data = encode_update_list(UpdateList(self.manifest.task_id, 1, entries))
        action = ListUpdates(1, len(entries), compute_digest(data), store.put(data).digest)
        ledger = self.ledger(self.coordinator)
        if bond := self.manifest.committee.bond_gwei:
            ledger.send(DepositBond(bond * 10**9))
        gas = ledger.send(action).gas_used
        self.connection.call("evm_increaseTime", COLLECT_SECONDS)
        self.connection.call("evm_mine")
        return len(data), gas

    def sign_all(self, store: ContentStore, base: str) -> list[SignedUpdate]:
        """Pin an update of random lanes for everybody in round 1; return what they sign."""
        signed = []
        for index, account in enumerate(self.accounts):
            blob = self.random_update(account, 1, base)
            what = (compute_digest(blob), store.put(blob).digest, 1 + index % 1000)
            message = compute_update_message(1, *what)
            signing_hash = compute_signing_hash(self.connection.chain_id, self.address, message)
            signed.append(SignedUpdate(*what, sign_hash(account, signing_hash)))
        return signed

    def random_update(self, account: LocalAccount, round_number: int, base: str) -> bytes:
        """Return a canonical update of random lanes."""
        seed = int.from_bytes(hashlib.sha256(account.address.encode()).digest()[:4])
        size = count_values(self.manifest.layout)
        lanes = np.random.default_rng(seed).integers(-500, 500, size, np.int16)
        header = update_header(self.manifest, round_number, base, account.address.lower())
        return encode_blob(header, lanes)


@contextmanager
def chain_node(directory: Path) -> Iterator[str]:
    """Run a chain node and yield its RPC address."""
    node = start_chain_node("anvil", directory, 0)
    try:
        yield node.rpc_url
    finally:
        node.process.stop()


def _account(index: int) -> LocalAccount:
    account: LocalAccount = Account.from_key(hashlib.sha256(f"benchmark {index}".encode()).digest())
    return account
