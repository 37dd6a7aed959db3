"""The ledger on an Ethereum chain."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from eth_account.signers.local import LocalAccount

from fl_chain.chain.answers import read_bytes, read_field, read_logs, read_quantity
from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.chain.contracts import (
    DISPUTES,
    LEDGER,
    encode_action,
    encode_creation,
    encode_registry_creation,
    encode_view,
    matches_runtime_code,
)
from fl_chain.chain.keys import label_secret
from fl_chain.chain.ledger import Page, Receipt, Standing
from fl_chain.chain.sender import Outbox, TransactionSender
from fl_chain.chain.watcher import LogWatcher
from fl_chain.errors import MalformedBlob, UnknownContract, UsageError
from fl_chain.protocol.actions import Challenge, DepositBond, FundPot, LedgerAction, RegistryAction
from fl_chain.protocol.attestation import Signature, compute_signing_hash
from fl_chain.protocol.logs import WORD_BYTES, Log, decode_log, topic_of
from fl_chain.protocol.records import TaskCreated, TaskParameters

MOST_LOOKED_AT = 8
"""Addresses of code for disputes that tasks name; anybody can make up any number of tasks."""


class EthereumLedger:
    """A task's contract at an address; see :class:`fl_chain.chain.ledger.Ledger`.

    Parameters
    ----------
    connection
        The chain node.
    address
        The RoundLedger, 0x and 40 digits.
    account
        Key to send from; None only reads.
    outbox
        Remembers a transaction between signing and mining, across restarts.

    Raises
    ------
    UnknownContract
        The code at the address is not this version's RoundLedger, or the code that it runs for
        disputes is not this version's Disputes.
    """

    def __init__(
        self,
        connection: ChainConnection,
        address: str,
        account: LocalAccount | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self.connection = connection
        self.chain_id = connection.chain_id
        self.address = address.lower()
        check_ledger(connection, self.address)
        self._sender = TransactionSender(connection, account, outbox) if account else None
        self.sender = self._sender.address if self._sender else ""
        self._watcher = LogWatcher(connection, self.address)
        self._last_block = -1
        self._last_hash = ""
        self._standings: tuple[tuple[str, bytes], dict[str, Standing]] = (("", b""), {})
        """What a registry said, and with which history."""

    def fetch(self, from_block: int) -> Page:
        """Return the logs from a block on, in one request."""
        # Some nodes refuse to look beyond their head, so the block before is read once more.
        first = hex(max(from_block - 1, 0))
        logs, latest, last = self.connection.try_batch(
            [
                ("eth_getLogs", [{"address": self.address, "fromBlock": first}]),
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getBlockByNumber", [hex(max(self._last_block, 0)), False]),
            ]
        )
        for answer in (latest, last):
            if isinstance(answer, RpcError):
                raise answer
        number, now = (read_quantity(read_field(latest, n)) for n in ("number", "timestamp"))
        if from_block and self._last_hash and _hash_of(last) != self._last_hash:
            self._last_block, self._last_hash = -1, ""
            return Page((), 0, now, is_rewritten=True)
        if isinstance(logs, RpcError):  # only now: a chain that is shorter has no such block
            raise logs
        fresh = [log for log in read_logs(logs) if log.block_number >= from_block]
        # A node answers the calls of a batch at different moments, so its latest block says nothing
        # about how far the logs reach: only the logs themselves do.
        newest = fresh[-1].block_number if fresh else from_block - 1
        if newest <= number:
            self._last_block, self._last_hash = number, _hash_of(latest)
        return Page(fresh, newest + 1, now, latest_block=number)

    def send(self, action: LedgerAction) -> Receipt:
        """Carry out an action; see the seam for errors."""
        wei = action.wei if isinstance(action, DepositBond | Challenge | FundPot) else 0
        return self._require_sender().send(self.address, encode_action(action), wei)

    def sign(self, message: bytes) -> Signature:
        """Sign a message; see the seam."""
        signing_hash = compute_signing_hash(self.chain_id, self.address, message)
        return self._require_sender().sign(signing_hash)

    def derive_secret(self, purpose: str, number: int) -> bytes:
        """Return bytes that only the sender's key yields; see the seam."""
        label = label_secret(self.chain_id, self.address, purpose, number)
        if self._sender is None:
            raise UsageError(
                "this command has no key to derive from", "open one with --key and --password-file"
            )
        return self._sender.derive_secret(label)

    def settle(self) -> None:
        """Find out what became of a transaction that was signed before a crash."""
        self._require_sender().settle()

    def check_funds(self) -> None:
        """Raise InsufficientFunds if the account has nothing at all."""
        self._require_sender().check_funds()

    def predecessor_of(self, registry: str, participant: str) -> str:
        """Return the key whose place a participant took; see the seam."""
        return ask_registry(self.connection, registry, "predecessorOf", participant)

    def is_enrolled(self, registry: str, participant: str) -> bool:
        """Return whether a registry lists a participant; see the seam."""
        return bool(ask_registry(self.connection, registry, "isEnrolled", participant))

    def standings_of(self, registry: str, participants: Sequence[str]) -> list[Standing]:
        """Return what a registry says about several participants; see the seam.

        Asked again only if the registry's history has grown, which covers every answer.
        """
        history = registry, self.connection.view(registry, encode_view("historyHash"))
        if self._standings[0] != history:
            self._standings = history, {}
        known = self._standings[1]
        missing = [who for who in participants if who not in known]
        if missing:
            known |= zip(missing, self._ask_standings(registry, missing), strict=True)
        return [known[who] for who in participants]

    def _ask_standings(self, registry: str, participants: Sequence[str]) -> list[Standing]:
        views = ("isEnrolled", "successorOf", "encryptionKeyOf")
        calls = [_call_view(registry, view, who) for who in participants for view in views]
        words = [read_bytes(answer)[:WORD_BYTES] for answer in self.connection.batch(calls)]
        standings = []
        for at in range(0, len(words), len(views)):
            is_enrolled, successor, key = words[at : at + len(views)]
            found = Standing(any(is_enrolled), _to_address(successor), key if any(key) else b"")
            standings.append(found)
        return standings

    def watch(self, *kinds: type[Any]) -> None:
        """Say which records :meth:`wait` is to wake for, before reading the logs."""
        self._watcher.subscribe(frozenset(kinds))

    def wait(self, timeout_seconds: float) -> bool:
        """Return True once a watched record may have been added, False on timeout."""
        return self._watcher.wait(timeout_seconds)

    def close(self) -> None:
        """Give the subscription back."""
        self._watcher.close()

    def _require_sender(self) -> TransactionSender:
        if self._sender is None:
            raise UsageError("this command has no key to send from", "name one with --key")
        return self._sender


def _hash_of(block: Any) -> str:
    return str(read_field(block, "hash")) if block is not None else ""


def check_code(connection: ChainConnection, address: str, contract: str) -> None:
    """Check that the code at an address is the named contract.

    Raises
    ------
    UnknownContract
        It is not, or there is none.
    """
    code = connection.code(address)
    if not code:
        raise UnknownContract(
            f"there is no contract at {address} on {connection.origin}",
            "check --task and --rpc; fl-chain history tasks lists what is there",
        )
    if not matches_runtime_code(contract, code):
        raise UnknownContract(
            f"the code at {address} on {connection.origin} is not this version's {contract}",
            "check --task and --rpc; fl-chain history tasks lists what is there",
        )


def check_ledger(connection: ChainConnection, address: str) -> None:
    """Check that the code at an address is our ledger, and runs our code for disputes.

    Raises
    ------
    UnknownContract
        The one or the other is not; the message says which.
    """
    check_code(connection, address, LEDGER)
    disputes = _disputes_of(connection, address)
    if not matches_runtime_code(DISPUTES, connection.code(disputes)):
        raise UnknownContract(
            f"the ledger at {address} on {connection.origin} runs code at {disputes} that is not"
            f" this version's {DISPUTES}",
            "take no part: that code can do anything with the task's records and bonds",
        )


def _disputes_of(connection: ChainConnection, ledger: str) -> str:
    """Return where a ledger whose code is ours says that its code for disputes is."""
    words = connection.view(ledger, encode_view("parameters"))
    return "0x" + words[WORD_BYTES : 2 * WORD_BYTES][-20:].hex()


def ask_registry(connection: ChainConnection, registry: str, view: str, participant: str) -> str:
    """Return a registry's answer about one address, as an address; empty if it is zero."""
    method, arguments = _call_view(registry, view, participant)
    return _to_address(read_bytes(connection.call(method, *arguments))[:WORD_BYTES])


def _call_view(registry: str, view: str, participant: str) -> tuple[str, list[Any]]:
    call = {"to": registry, "data": "0x" + encode_view(view, participant).hex()}
    return "eth_call", [call, "latest"]


def _to_address(word: bytes) -> str:
    return "0x" + word[-20:].hex() if any(word) else ""


def find_tasks(connection: ChainConnection) -> list[tuple[str, int]]:
    """Return address and block of every ledger on the chain whose code is ours, oldest first.

    Its code for disputes is ours as well.
    """
    is_ours: dict[str, bool] = {}
    found = []
    for log in _fetch_creations(connection):
        if not matches_runtime_code(LEDGER, connection.code(log.address)):
            continue
        disputes = _disputes_of(connection, log.address)
        if disputes not in is_ours:
            is_ours[disputes] = matches_runtime_code(DISPUTES, connection.code(disputes))
        if is_ours[disputes]:
            found.append((log.address, log.block_number))
    return found


def _fetch_creations(connection: ChainConnection) -> list[Log]:
    return connection.fetch_logs(0, topics=["0x" + topic_of(TaskCreated).hex()])


def find_disputes(connection: ChainConnection) -> str:
    """Return where on the chain our code for disputes is; empty if no task of late has it.

    Whoever put it there cannot have changed it: it is compared byte for byte.
    """
    named: dict[str, None] = {}
    with contextlib.suppress(RpcError):  # a node that does not search the whole chain
        for log in reversed(_fetch_creations(connection)):
            with contextlib.suppress(MalformedBlob):  # some other contract's event
                record = decode_log(log)
                if isinstance(record, TaskCreated):
                    named[record.parameters.disputes] = None
            if len(named) == MOST_LOOKED_AT:
                break
    for address in named:
        if matches_runtime_code(DISPUTES, connection.code(address)):
            return address
    return ""


class Deployer:
    """Deploys and administers a task's contracts from one account.

    Parameters
    ----------
    connection
        The chain node.
    account
        The coordinator.
    """

    def __init__(self, connection: ChainConnection, account: LocalAccount) -> None:
        self.connection = connection
        self._sender = TransactionSender(connection, account)
        self.address = self._sender.address

    def check_funds(self) -> None:
        """Raise InsufficientFunds if the account has nothing at all."""
        self._sender.check_funds()

    def deploy_registry(self, enrolment_bond: int = 0, leave_seconds: int = 0) -> str:
        """Deploy a ParticipantRegistry and return its address.

        Parameters
        ----------
        enrolment_bond
            What anybody deposits to enrol itself, in wei, 0 to 2^96 - 1; 0 if nobody can.
        leave_seconds
            Time between leaving and claiming a bond, 0 to 2^32 - 1.
        """
        return self._sender.deploy(encode_registry_creation(enrolment_bond, leave_seconds))

    def deploy_disputes(self) -> str:
        """Return the address of the code for disputes: one that a task has already, or a new one.

        Any number of tasks can share it.
        """
        return find_disputes(self.connection) or self._sender.deploy(encode_creation(DISPUTES))

    def deploy_ledger(self, parameters: TaskParameters, aggregators: Sequence[str]) -> str:
        """Deploy a RoundLedger, whose code for disputes is there already; return its address."""
        return self._sender.deploy(encode_creation(LEDGER, parameters, aggregators))

    def are_enrolled(self, registry: str, participants: Sequence[str]) -> list[bool]:
        """Return for each participant whether a registry lists it."""
        return self._ask(registry, "isEnrolled", participants)

    def are_admitted(self, ledger: str, participants: Sequence[str]) -> list[bool]:
        """Return for each participant whether it is admitted to a task."""
        return self._ask(ledger, "participantOf", participants)

    def _ask(self, contract: str, view: str, participants: Sequence[str]) -> list[bool]:
        """Return the first word of a view's answer for each participant, as a truth value."""
        calls = [
            {"to": contract, "data": "0x" + encode_view(view, participant).hex()}
            for participant in participants
        ]
        answers = self.connection.batch([("eth_call", [call, "latest"]) for call in calls])
        return [any(read_bytes(answer)[:WORD_BYTES]) for answer in answers]

    def send(self, contract: str, action: LedgerAction | RegistryAction) -> Receipt:
        """Carry out an action on either contract."""
        return self._sender.send(contract, encode_action(action))


def transfer(connection: ChainConnection, account: LocalAccount, to: str, wei: int) -> Receipt:
    """Send money from one account to another."""
    return TransactionSender(connection, account).send(to, b"", wei)
