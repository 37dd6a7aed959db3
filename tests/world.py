"""A miniature federation in this process, on a real chain node and a real IPFS node.

Everybody in it can be told to lie: submit any bytes under any name, propose anything. What an
honest party would have done comes from the product itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from numpy.typing import NDArray

from fl_chain.aggregation.derive import DerivedRound, RoundAggregation
from fl_chain.aggregation.masked_groups import list_groups
from fl_chain.aggregation.round_blobs import update_header
from fl_chain.audit.audit import run_audit
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.devnet import faucet_account, start_chain_node
from fl_chain.chain.ethereum import Deployer, EthereumLedger, transfer
from fl_chain.chain.ledger import Receipt
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.index.index import HistoryIndex
from fl_chain.privacy.sealing import SealPlace, seal_update
from fl_chain.protocol.actions import (
    Attest,
    Challenge,
    CommitUpdate,
    DepositBond,
    Finalize,
    ListUpdates,
    Propose,
    RevealUpdate,
    SelectPart,
    SetEncryptionKey,
    Stop,
    SubmitUpdate,
)
from fl_chain.protocol.attestation import Attestation, compute_result
from fl_chain.protocol.blob import BlobHeader, count_values, decode_blob, encode_blob
from fl_chain.protocol.cid import Cid, cid_from_digest, compute_cid
from fl_chain.protocol.commitment import compute_commitment
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.encryption import derive_public_key, name_key
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.measurement import EnergySource, Measurement
from fl_chain.protocol.records import BondSlashed, Question, UpdateSubmitted
from fl_chain.protocol.report import compute_report_bytes, decode_report, encode_report
from fl_chain.protocol.round import Task
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from fl_chain.protocol.staleness import list_base_digests
from fl_chain.protocol.update_list import ListEntry, UpdateList, encode_update_list
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.auditor import collect_evidence
from fl_chain.roles.challenger import ChallengerRole
from fl_chain.roles.cheats import make_aggregator
from fl_chain.roles.coordinator import CreatedTask, create_task
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.indexing import update_index
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.task_file import parse_task
from fl_chain.roles.task_history import TaskHistory
from fl_chain.storage.embedded_node import start_node
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.storage.store import ContentStore

LOOK_SECONDS = 0.5
"""How long the shared IPFS node looks for what it does not have."""
CHALLENGER = 30
"""Account of the challenger, and what it reports as."""
CREW_SECONDS = 20.0
"""Longest wait for what running aggregators should do at once."""
ETHER = 10**18
SAID = Measurement(100, 900, 2_302_585, 50, 11, 2_302_585, 12_000, EnergySource.ESTIMATED)
"""What every update that a test makes itself says of its work."""
SALT = b"\x5a" * 32
"""Of every commitment that a test makes itself."""

Problem = tuple[int | None, str, str]
"""Round, check and verdict of a finding that is not PASS."""


def make_account(index: int) -> LocalAccount:
    """Return the account of that number, which has no money until a world gives it some."""
    account: LocalAccount = Account.from_key((2**200 + index).to_bytes(32))
    return account


class _RoundDone(Exception):
    """Ends an aggregator that has done what the test needs."""


@dataclass
class World:
    """The chain node, the IPFS node, and accounts that have money."""

    connection: ChainConnection
    store: IpfsStore
    ipfs_address: str
    ipfs_repo: Path
    _accounts: list[LocalAccount] = field(default_factory=list)

    def account(self, index: int) -> LocalAccount:
        """Return the account of that number, the same for every test."""
        while len(self._accounts) <= index:
            made = make_account(len(self._accounts))
            transfer(self.connection, faucet_account(), str(made.address).lower(), 100 * ETHER)
            self._accounts.append(made)
        return self._accounts[index]

    def accounts(self) -> Sequence[LocalAccount]:
        """Return the accounts that have been asked for."""
        return self._accounts

    def federation(
        self,
        num_participants: int = 3,
        *,
        aggregators: int = 0,
        quorum: int = 0,
        bond_gwei: int = 0,
        encoding: dict[str, Any] | None = None,
        optimizer: dict[str, Any] | None = None,
        measurements: bool = True,
        keep_seconds: int = 0,
        max_staleness: int = 0,
        differences: bool = False,
        reward: dict[str, Any] | None = None,
        rule: str = "mean",
        num_malicious: int = 0,
        recipe: dict[str, Any] | None = None,
        privacy: dict[str, Any] | None = None,
        **rounds: int | Decimal,
    ) -> Federation:
        """Create a task; ``rounds`` are what task.toml says about them.

        ``aggregators`` is how many there are, beside the coordinator; without any, it is the only
        one itself.
        """
        committee = {"quorum": quorum, "bond_gwei": bond_gwei}
        options = {
            "encoding": encoding or {},
            "optimizer": optimizer or {},
            "measurements": measurements,
            "keep_seconds": keep_seconds,
            "max_staleness": max_staleness,
            "differences": differences,
            "reward": reward or {},
            "rule": rule,
            "num_malicious": num_malicious,
            "recipe": recipe or {},
            "privacy": privacy or {},
        }
        return Federation(self, num_participants, aggregators, committee, rounds, options)

    def advance_clock(self, seconds: int) -> None:
        """Let the chain's time pass."""
        self.connection.call("evm_increaseTime", seconds)
        self.connection.call("evm_mine")

    def block_file(self, cid: Cid) -> Path:
        """Return the file on the IPFS node's disk that holds a block."""
        name = cid.digest.hex()
        return self.ipfs_repo / "blocks" / name[0] / f"{name}.block"


class Federation:
    """One task of the world.

    Account 0 is the coordinator, the participants are those after it, then come the aggregators; if
    there are none, the coordinator is the only one.
    """

    name = "miniature"

    def __init__(
        self,
        world: World,
        num_participants: int,
        num_aggregators: int,
        committee: dict[str, int],
        rounds: dict[str, int | Decimal],
        options: dict[str, Any],
    ) -> None:
        self.world = world
        self.store: ContentStore = world.store
        self.coordinator = world.account(0)
        self.participants = [world.account(1 + i) for i in range(num_participants)]
        first = 1 + num_participants
        committed = [world.account(first + i) for i in range(num_aggregators)]
        self.aggregators = committed or [self.coordinator]
        """In the order of their seats: the first has the first turn of round 1."""
        self.created = self._create({"num_rounds": 2, **rounds}, committee, options)
        self.follower = TaskFollower(self.ledger(), self.store)
        self.secrets: dict[str, bytes] = {}
        """Of the encryption keys, by the reader's address; readers of sealed updates have one."""
        if self.manifest.privacy.is_sealed:
            for reader in self.manifest.readers:
                self.name_encryption_key(reader)
        self.events: list[tuple[str, dict[str, Any]]] = []
        """What the aggregator of :meth:`aggregate` reported."""

    @property
    def manifest(self) -> Manifest:
        """The task's manifest."""
        return self.follower.manifest

    @property
    def task(self) -> Task:
        """The task's state now."""
        self.follower.refresh()
        return self.follower.task

    @property
    def address(self) -> str:
        """Address of the ledger."""
        return self.created.ledger

    def history(self, shelf: ManifestShelf | None = None) -> TaskHistory:
        """Return the task's history as it is now, from an index in memory."""
        connection = self.world.connection
        index = HistoryIndex(None, connection.chain_id, self.address)
        update_index(index, connection)
        return TaskHistory(index, connection, shelf or ManifestShelf(None, connection.chain_id))

    def ledger(self, account: LocalAccount | None = None) -> EthereumLedger:
        """Open the task, for writing if there is an account."""
        return EthereumLedger(self.world.connection, self.created.ledger, account)

    # ------------------------------------------------------------ participants

    def address_of(self, participant: int) -> str:
        """Return a participant's address."""
        return str(self.participants[participant].address).lower()

    def lanes(self, seed: int) -> NDArray[np.int16]:
        """Return the lanes of some update."""
        size = count_values(self.manifest.layout)
        return np.random.default_rng(seed).integers(-900, 901, size).astype(np.int16)

    def header(self, participant: int, **changes: Any) -> BlobHeader:
        """Return the header that a participant's update of the current round must have."""
        task = self.task
        proper = update_header(
            self.manifest,
            task.current.round,
            task.base_digest.hex(),
            self.address_of(participant),
            SAID if self.manifest.measurements else None,
        )
        return replace(proper, **changes)

    def update(
        self, participant: int, lanes: NDArray[np.int16] | None = None, **changes: Any
    ) -> bytes:
        """Return the blob of an update for the current round; ``changes`` are header fields."""
        if lanes is None:
            lanes = self.lanes(self.task.current.round * 100 + participant)
        return encode_blob(self.header(participant, **changes), lanes)

    def seal(
        self,
        participant: int,
        blob: bytes,
        keys: Sequence[bytes | None] | None = None,
        place: dict[str, Any] | None = None,
    ) -> bytes:
        """Return what to pin of an update; ``place`` changes where it is sealed for."""
        manifest = self.manifest
        if not manifest.privacy.is_sealed:
            return blob
        proper = SealPlace(manifest.task_id, self.task.current.round, self.address_of(participant))
        if keys is None:
            keys = [derive_public_key(self.secrets[reader]) for reader in manifest.readers]
        return seal_update(replace(proper, **place or {}), blob, keys, os.urandom(32))

    def submit(
        self,
        participant: int,
        blob: bytes,
        *,
        weight: int = 100,
        pin: bool = True,
        pinned: bytes | None = None,
        **changes: Any,
    ) -> Receipt:
        """Pin and submit anything as a participant; ``changes`` are fields of SubmitUpdate.

        ``pinned`` is what stands in the place of the blob, sealed or not.
        """
        pinned = self.seal(participant, blob) if pinned is None else pinned
        if pin:
            self.store.put(pinned)
        action = SubmitUpdate(
            self.task.current.round, compute_digest(blob), compute_cid(pinned).digest, weight
        )
        account = self.participants[participant]
        return self.ledger(account).send(replace(action, **changes))

    def submit_honestly(self, *participants: int) -> None:
        """Submit proper updates of some participants, of all if none is named.

        In a task with commitments all commit before; they must be as many as the target.
        """
        everybody = participants or range(len(self.participants))
        if self.task.parameters.commit_seconds:
            for submit in (self.commit, self.reveal):
                for participant in everybody:
                    submit(participant, self.update(participant), weight=100 + participant)
            return
        for participant in everybody:
            self.submit(participant, self.update(participant), weight=100 + participant)

    def sign_update(
        self, participant: int, blob: bytes | None = None, *, pin: bool = True, **changes: Any
    ) -> SignedUpdate:
        """Pin an update of the current round and sign it; ``changes`` are what is signed."""
        blob = self.update(participant) if blob is None else blob
        if pin:
            self.store.put(blob)
        signed = {
            "round_number": self.task.current.round,
            "digest": compute_digest(blob),
            "cid_digest": compute_cid(blob).digest,
            "weight": 100 + participant,
            **changes,
        }
        signature = self.ledger(self.participants[participant]).sign(
            compute_update_message(**signed)
        )
        return SignedUpdate(signed["digest"], signed["cid_digest"], signed["weight"], signature)

    def entry(self, participant: int, *arguments: Any, **options: Any) -> ListEntry:
        """Return a list's entry of what :meth:`sign_update` makes."""
        update = self.sign_update(participant, *arguments, **options)
        return ListEntry(self.address_of(participant), update)

    def list_updates(
        self, aggregator: int, *entries: ListEntry, pin: bool = True, **changes: Any
    ) -> bytes:
        """List anything as an aggregator and return the list; ``changes`` are its header's."""
        listed = UpdateList(self.manifest.task_id, self.task.current.round, entries)
        data = encode_update_list(replace(listed, **changes))
        if pin:
            self.store.put(data)
        digests = compute_digest(data), compute_cid(data).digest
        action = ListUpdates(self.task.current.round, len(entries), *digests)
        self.ledger(self.aggregators[aggregator]).send(action)
        return data

    def end_collection(self) -> None:
        """Let the time pass in which updates come."""
        self.world.advance_clock(self.task.parameters.collect_seconds + 1)

    def commitment(self, participant: int, blob: bytes, **changes: Any) -> bytes:
        """Return a commitment to what :meth:`revelation` says; ``changes`` are its arguments."""
        task = self.task
        arguments: dict[str, Any] = {
            "chain_id": self.world.connection.chain_id,
            "ledger": self.address,
            "round_number": task.current.round,
            "participant": self.address_of(participant),
            "digest": compute_digest(blob),
            "cid_digest": compute_cid(blob).digest,
            "weight": 100,
            "salt": SALT,
        }
        return compute_commitment(**(arguments | changes))

    def revelation(self, blob: bytes, **changes: Any) -> RevealUpdate:
        """Return what reveals an update of the current round; ``changes`` are its fields."""
        digests = compute_digest(blob), compute_cid(blob).digest
        return replace(RevealUpdate(self.task.current.round, *digests, 100, SALT), **changes)

    def commit(self, participant: int, blob: bytes, weight: int = 100) -> Receipt:
        """Commit to an update as a participant."""
        commitment = self.commitment(participant, blob, weight=weight)
        action = CommitUpdate(self.task.current.round, commitment)
        return self.ledger(self.participants[participant]).send(action)

    def reveal(self, participant: int, blob: bytes, weight: int = 100) -> Receipt:
        """Pin and reveal an update as a participant."""
        self.store.put(blob)
        action = self.revelation(blob, weight=weight)
        return self.ledger(self.participants[participant]).send(action)

    # ------------------------------------------------------------ readers

    def name_encryption_key(self, reader: str, secret: bytes | None = None) -> None:
        """Have a reader name an encryption key, and pin it."""
        secret = secret or os.urandom(32)
        account = next(one for one in self.world.accounts() if str(one.address).lower() == reader)
        key = derive_public_key(secret)
        self.store.put(key)
        registry = self.task.parameters.registry
        opened = EthereumRegistry(self.world.connection, registry, account)
        opened.send(SetEncryptionKey(name_key(key)))
        self.secrets[reader] = secret

    def ring(self, reader: str) -> dict[bytes, bytes]:
        """Return what a reader opens updates with; nothing in an open task."""
        secret = self.secrets.get(reader)
        return {name_key(derive_public_key(secret)): secret} if secret else {}

    # ------------------------------------------------------------ aggregators

    def aggregator_address(self, aggregator: int) -> str:
        """Return an aggregator's address."""
        return str(self.aggregators[aggregator].address).lower()

    def deposit_bonds(self, *aggregators: int) -> None:
        """Deposit the bonds of some aggregators, of all if none is named."""
        bond = self.task.parameters.bond
        for aggregator in aggregators or range(len(self.aggregators)):
            self.ledger(self.aggregators[aggregator]).send(DepositBond(bond))

    def sign(self, aggregator: int, model: bytes, report: bytes) -> Attestation:
        """Return an aggregator's signed digests of any model and report for the current round."""
        number = self.task.current.round
        digests = compute_digest(model), compute_digest(report)
        signer = self.ledger(self.aggregators[aggregator])
        return Attestation(number, *digests, signer.sign(compute_result(number, *digests)))

    def attest(self, attestation: Attestation) -> Receipt:
        """Hand in an attestation, as somebody who has no part in it."""
        action = Attest(
            attestation.round,
            attestation.model_digest,
            attestation.report_digest,
            (attestation.signature,),
        )
        return self.ledger(self.coordinator).send(action)

    def start_aggregators(
        self, *aggregators: int, cheats: dict[int, str] | None = None, inbox: Path | None = None
    ) -> Crew:
        """Start the product's aggregators, a thread each, until the task is over.

        ``cheats`` are those of some of them, and ``inbox`` is where they leave what they sign. If
        any cheat, a challenger watches them, which reports as ``CHALLENGER``.
        """
        roles: dict[int, Callable[..., Any]] = {}
        for who in aggregators:
            cheat = (cheats or {}).get(who)
            keys = self.ring(self.aggregator_address(who))
            roles[who] = partial(make_aggregator, cheat, inbox or Path(), keys=keys)
        if cheats:
            roles[CHALLENGER] = partial(ChallengerRole, inbox=inbox)
        return Crew(self, roles)

    def aggregate(self) -> list[tuple[str, dict[str, Any]]]:
        """Run the product's first aggregator until the round is final; return what it reported."""
        seen: list[tuple[str, dict[str, Any]]] = []

        def note(event: str, values: dict[str, Any]) -> None:
            seen.append((event, values))
            if event in ("finalized", "aborted"):
                raise _RoundDone

        ledger = self.ledger(self.aggregators[0])
        with contextlib.suppress(_RoundDone):
            AggregatorRole(
                ledger,
                self.store,
                keys=self.ring(self.aggregator_address(0)),
                progress=note,
                patience_seconds=5,
            ).run()
        ledger.close()
        self.events += seen
        return seen

    def exclusions(self) -> list[tuple[int, str]]:
        """Return sequence and reason of every exclusion that the aggregator reported."""
        return [
            (values["sequence"], str(values["reason"]))
            for event, values in self.events
            if event == "excluded"
        ]

    def run_round(self) -> None:
        """One round in which everybody is honest."""
        self.submit_honestly()
        self.aggregate()

    def assert_left_out(self, reason: str, *, num_rounds: int = 1) -> None:
        """Aggregate a round whose last update is bad: left out for that reason, the audit agrees.

        An honest round follows, if the task has one more: nobody is held up by the bad update.
        """
        sequence = self.task.current.num_updates - 1
        number = self.task.current.round
        self.aggregate()
        assert self.exclusions() == [(sequence, reason)]
        if number < num_rounds:
            self.run_round()
        assert_passes(self.audit(), num_rounds)
        proposal = self.task.rounds[number].proposal
        assert proposal is not None
        size = compute_report_bytes(sequence + 1, self.manifest.has_rewards)
        report = decode_report(
            self.store.get(cid_from_digest(proposal.report_cid_digest, size), max_bytes=size)
        )
        assert report.excluded == ((sequence, reason),)

    def derive(self, records: Sequence[UpdateSubmitted] | None = None, **manifest: Any) -> Any:
        """Return what the current round yields, from all its updates or from other records."""
        task = self.task
        changed, number = replace(self.manifest, **manifest), task.current.round
        bases = list_base_digests(task, number, changed.max_staleness)
        keys = self.ring(self.aggregator_address(0))
        groups = list_groups(changed, task.rounds[number])
        aggregation = RoundAggregation(changed, number, bases, keys, groups=groups)
        for blob in (blob for group in groups for blob in group.list_blobs()):
            data = self.store.get(blob.cid, max_bytes=blob.max_bytes)
            aggregation.take_group_blob(blob, data)
        for record in task.rounds[number].updates if records is None else records:
            cid = Cid(0x55, record.cid_digest)
            aggregation.add(record, self.store.get(cid, max_bytes=aggregation.pinned_bytes))
        derived: DerivedRound = aggregation.derive(self.follower.base_model())
        return derived

    def lie(self) -> tuple[bytes, bytes]:
        """Return a wrong model of the current round, and a report that agrees with it."""
        derived = self.derive()
        header, values = decode_blob(derived.model)
        model = encode_blob(header, values + np.int32(1))
        told = replace(decode_report(derived.report), model=compute_digest(model).hex())
        return model, encode_report(told)

    def propose(self, model: bytes, report: bytes, *, by: int = 0, **changes: Any) -> None:
        """Pin and propose anything as an aggregator; ``changes`` are fields of Propose."""
        action = Propose(
            self.task.current.round,
            compute_digest(model),
            self.store.put(model).digest,
            compute_digest(report),
            self.store.put(report).digest,
        )
        self.ledger(self.aggregators[by]).send(replace(action, **changes))

    def challenge(self, position: int, question: Question = Question.VALUE) -> None:
        """Challenge the proposal, as somebody who has no part in it."""
        task = self.task
        action = Challenge(task.current.round, question, position, task.parameters.bond)
        self.ledger(self.coordinator).send(action)

    def select(self, part: int) -> None:
        """Name a part as wrong, as who challenged."""
        task = self.task
        action = SelectPart(task.current.round, part, task.claimed_parts)
        self.ledger(self.coordinator).send(action)

    def slashes(self) -> list[BondSlashed]:
        """Return every loss of a bond that is on record."""
        records = map(decode_log, self.ledger().fetch(0).logs)
        return [record for record in records if isinstance(record, BondSlashed)]

    def finalize(self) -> None:
        """Make the proposal final."""
        self.ledger(self.coordinator).send(Finalize(self.task.current.round))

    def stop(self) -> None:
        """End the task."""
        self.ledger(self.coordinator).send(Stop())

    # ------------------------------------------------------------ auditor

    def evidence(self, store: ContentStore | None = None, reader: str = "") -> Evidence:
        """Return what chain and IPFS say about the task, to a reader or to anybody."""
        keys = self.ring(reader)
        return collect_evidence(self.world.connection, self.address, store or self.store, keys)

    def audit(
        self,
        store: ContentStore | None = None,
        only_round: int | None = None,
        reader: str = "",
    ) -> list[Finding]:
        """Audit the task, as a reader of sealed updates or as anybody."""
        return run_audit(self.evidence(store, reader), only_round)

    # ------------------------------------------------------------ coordinator

    def _create(
        self, rounds: dict[str, int | Decimal], committee: dict[str, int], options: dict[str, Any]
    ) -> CreatedTask:
        addresses = [str(account.address).lower() for account in self.participants]
        aggregators = [str(account.address).lower() for account in self.aggregators]
        description = {
            "name": self.name,
            "participants": addresses,
            "committee": {"aggregators": aggregators, **committee},
            "rounds": rounds,
            **options,
            "recipe": {"model": "digits_mlp", "data": "digits", **options.get("recipe", {})},
        }
        deployer = Deployer(self.world.connection, self.coordinator)
        return create_task(parse_task(description), deployer, self.store)


class Crew:
    """The product's aggregators and challenger at work; what they report can be waited for."""

    def __init__(self, federation: Federation, roles: dict[int, Callable[..., Any]]) -> None:
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        """Aggregator, event and its values, in the order in which they came."""
        self._news = threading.Condition()
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(federation, who, role), daemon=True)
            for who, role in roles.items()
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, event: str, *aggregators: int, **values: Any) -> None:
        """Wait until each of some aggregators has reported an event with some values.

        If none is named, any will do.
        """

        def is_there() -> bool:
            reporters = self.reporters_of(event, **values)
            return bool(self._failures) or (bool(reporters) and set(aggregators) <= reporters)

        with self._news:
            assert self._news.wait_for(is_there, CREW_SECONDS), self.told()
        self._raise()

    def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds that nobody reports, or that one of several may report."""
        deadline = time.monotonic() + CREW_SECONDS
        while not holds():
            self._raise()
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.05)

    def reporters_of(self, event: str, **values: Any) -> set[int]:
        """Return which aggregators have reported an event with some values."""
        return {
            who
            for who, seen, told in self.events
            if seen == event and values.items() <= told.items()
        }

    def told(self) -> str:
        """Return what was reported, a line each."""
        return "\n".join(f"{who}: {event} {values}" for who, event, values in self.events)

    def join(self) -> None:
        """Wait until the task is over."""
        for thread in self._threads:
            thread.join(CREW_SECONDS)
            assert not thread.is_alive(), self.told()
        self._raise()

    def _run(self, federation: Federation, who: int, role: Callable[..., Any]) -> None:
        def note(event: str, values: dict[str, Any]) -> None:
            with self._news:
                self.events.append((who, event, values))
                self._news.notify_all()

        account = (
            federation.world.account(CHALLENGER)
            if who == CHALLENGER
            else federation.aggregators[who]
        )
        ledger = federation.ledger(account)
        try:
            role(ledger, federation.store, progress=note, patience_seconds=5).run()
        except BaseException as error:
            with self._news:
                self._failures.append(error)
                self._news.notify_all()
        finally:
            ledger.close()

    def _raise(self) -> None:
        if self._failures:
            raise self._failures[0]


def problems(findings: Sequence[Finding]) -> list[Problem]:
    """Return every finding that is not PASS."""
    return [(f.round, f.check, f.verdict.value) for f in findings if f.verdict != Verdict.PASS]


def assert_passes(findings: Sequence[Finding], num_rounds: int) -> None:
    """Check that all is well, and that the audit looked at every round."""
    assert problems(findings) == []
    assert compute_verdict(findings) == Verdict.PASS
    assert {f.round for f in findings if f.check == "aggregate"} == set(range(1, num_rounds + 1))


@dataclass
class Recorded:
    """A finished task as evidence in memory: quick to audit, and free to tamper with."""

    evidence: Evidence
    blobs: dict[Cid, bytes]

    def tampered(self, change: Callable[[Evidence], Evidence]) -> list[Finding]:
        """Audit changed evidence."""
        return run_audit(change(self.evidence))


def record(federation: Federation) -> Recorded:
    """Copy everything that an audit asks for into memory."""
    from fl_chain.storage.memory import MemoryStore

    memory = MemoryStore()

    def fetch(cid: Cid, max_bytes: int) -> bytes:
        data = federation.store.get(cid, max_bytes=max_bytes)
        memory.put(data)
        return data

    evidence = federation.evidence()
    assert problems(run_audit(replace(evidence, fetch_blob=fetch))) == []
    kept = replace(evidence, fetch_blob=lambda cid, size: memory.get(cid, max_bytes=size))
    return Recorded(kept, memory.blobs)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The one world of a test session; tasks in it do not know of each other."""
    directory = tmp_path_factory.mktemp("world")
    chain = start_chain_node("anvil", directory / "chain", 0)
    try:
        node = start_node(directory / "ipfs", log_path=directory / "ipfs.log", detached=False)
        try:
            with IpfsStore(node.api_multiaddr, timeout_seconds=LOOK_SECONDS) as store:
                yield World(
                    ChainConnection(chain.rpc_url), store, node.api_multiaddr, directory / "ipfs"
                )
        finally:
            node.stop()
    finally:
        chain.process.stop()
