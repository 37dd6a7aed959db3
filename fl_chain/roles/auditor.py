"""The auditor: collects evidence from a chain node and a content store, and runs the audit.

It needs no key, no torch, and no word from anybody else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from fl_chain.audit.audit import OnFinding, run_audit
from fl_chain.audit.evidence import CodeEvidence, ContractEvidence, Evidence, LedgerState
from fl_chain.audit.findings import Finding
from fl_chain.audit.observer import IGNORE, Observer
from fl_chain.audit.scope import Scope
from fl_chain.audit.workers import InTurn, Workers
from fl_chain.chain.answers import read_bytes, read_field, read_logs, read_quantity
from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.chain.contracts import (
    DISPUTES,
    LEDGER,
    REGISTRY,
    encode_creation,
    encode_view,
    matches_runtime_code,
)
from fl_chain.errors import LedgerError, MalformedBlob, UnknownContract
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.logs import Log, decode_log
from fl_chain.protocol.records import (
    AggregatorAppointed,
    BondSlashed,
    BondWithdrawn,
    ChallengeFailed,
    ParticipantAdmitted,
    ParticipantSucceeded,
    PotReclaimed,
    ProposalChallenged,
    RewardsPaid,
    RoundOpened,
    SeedsCommitted,
    TaskCreated,
)
from fl_chain.protocol.rewards import read_row
from fl_chain.roles.audit_process import OpenStore, find_opener, open_ipfs
from fl_chain.roles.audit_workers import ParallelWorkers
from fl_chain.roles.former_audits import FormerAudits, locate_former_audits
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.storage.mirrored import MirroredStore
from fl_chain.storage.store import ContentStore

MOST_READS = 50
"""Attempts to read logs and running hash without a block in between."""


def collect_evidence(
    connection: ChainConnection, address: str, store: ContentStore, keys: KeyRing = NO_KEYS
) -> Evidence:
    """Read everything that the chain node has about one task.

    Raises
    ------
    UnknownContract
        No contract at the address has ever created a task.
    """
    address = address.lower()
    for _ in range(MOST_READS):
        block, logs, history_hash = _read_at_one_block(connection, address)
        state_block, state = _read_state(connection, address, logs)
        if state_block == block:
            break
    else:
        raise _too_fast(connection)
    ledger = _collect_contract(connection, address, LEDGER, logs, history_hash)
    created: Any = None
    with contextlib.suppress(MalformedBlob):  # some other contract's event
        created = decode_log(ledger.logs[0]) if ledger.logs else None
    if not isinstance(created, TaskCreated):
        what = f"the contract at {address} on {connection.origin} never created a task"
        if not connection.code(address):
            what = f"there is no contract at {address} on {connection.origin}"
        raise UnknownContract(
            what,
            "check --task and --rpc; fl-chain history tasks lists what is there",
        )
    registry_address = created.parameters.registry
    _, logs, history_hash = _read_at_one_block(connection, registry_address)
    registry = _collect_contract(connection, registry_address, REGISTRY, logs, history_hash)
    disputes = created.parameters.disputes
    is_known_code = matches_runtime_code(DISPUTES, connection.code(disputes))
    return Evidence(
        chain_id=connection.chain_id,
        ledger=ledger,
        registry=registry,
        disputes=CodeEvidence(disputes, is_known_code),
        ledger_creation_code=encode_creation(LEDGER),
        registry_creation_code=encode_creation(REGISTRY),
        fetch_blob=lambda cid, max_bytes: store.get(cid, max_bytes=max_bytes),
        keys=keys,
        state=state,
    )


def audit_task(
    connection: ChainConnection,
    address: str,
    store: ContentStore,
    only_round: int | None = None,
    on_finding: OnFinding | None = None,
    *,
    since: int = 1,
    num_jobs: int = 1,
    state: Path | None = None,
    is_resumed: bool = False,
    observer: Observer = IGNORE,
    open_store: OpenStore | None = None,
    on_evidence: Callable[[Evidence], None] | None = None,
    keys: KeyRing = NO_KEYS,
) -> list[Finding]:
    """Audit one task; see :func:`fl_chain.audit.audit.run_audit`.

    Parameters
    ----------
    connection, address, store
        Where the evidence is: chain node, ledger, content store.
    only_round, since
        Which rounds; see :class:`fl_chain.audit.scope.Scope`.
    on_finding, observer
        Who is told what happens.
    num_jobs
        How many rounds, and slices of updates, are worked on at a time; 1 to 64. One does without
        threads. More may start processes, which import the main module again, so a script of your
        own needs ``if __name__ == "__main__"``.
    state
        State folder in which the rounds that pass are noted; None to note nothing.
    is_resumed
        Take rounds over that passed in a former audit and whose records are still the same.
    open_store
        Opens the content store in another process. IPFS nodes need none; any other store without
        it is read by threads only.
    on_evidence
        Called with what chain node and content store say, before it is audited.
    keys
        What opens sealed updates.

    Raises
    ------
    StoreUnreachable
        No IPFS node answers: that is no finding about anybody.
    LedgerError
        The chain node cannot be asked, or contradicts itself while it is.
    UsageError
        There is no such round, or no such number of jobs.
    """
    with contextlib.ExitStack() as stack:
        workers: Workers = InTurn()
        if num_jobs != 1:
            endpoints = find_opener(store)
            if open_store is None and endpoints is not None:
                open_store = partial(open_ipfs, endpoints)
            workers = stack.enter_context(ParallelWorkers(num_jobs, open_store))
        if isinstance(store, IpfsStore | MirroredStore):
            store.version()
        evidence = collect_evidence(connection, address, store, keys)
        if on_evidence is not None:
            on_evidence(evidence)
        scope = Scope(only_round, since)
        if state is not None:
            path = locate_former_audits(state, evidence.chain_id, address)
            former = FormerAudits(path, evidence.chain_id, address, observer)
            stack.callback(former.close)
            scope = Scope(only_round, since, former.rounds if is_resumed else {})
            observer = former
        return run_audit(
            evidence, on_finding=on_finding, scope=scope, workers=workers, observer=observer
        )


def _collect_contract(
    connection: ChainConnection, address: str, name: str, logs: list[Log], history_hash: bytes
) -> ContractEvidence:
    creation: Any = None
    if logs:
        transaction = "0x" + logs[0].transaction_hash.hex()
        creation = connection.call("eth_getTransactionByHash", transaction)
    # Both constructors emit their contract's first log, so its transaction is the deployment.
    is_deployment = creation is not None and read_field(creation, "to") is None
    creation_input = read_bytes(read_field(creation, "input")) if is_deployment else b""
    return ContractEvidence(
        address=address,
        logs=logs,
        history_hash=history_hash,
        is_known_code=matches_runtime_code(name, connection.code(address)),
        creation_input=None if logs and creation is None else creation_input,
    )


def _read_at_one_block(connection: ChainConnection, address: str) -> tuple[int, list[Log], bytes]:
    """Return block, logs and running hash of one and the same moment, even while rounds run."""
    for _ in range(MOST_READS):
        answers = connection.try_batch(
            [
                ("eth_blockNumber", []),
                ("eth_getLogs", [{"address": address, "fromBlock": "0x0"}]),
                _view(address, "historyHash"),
                ("eth_blockNumber", []),
            ]
        )
        for answer in (answers[0], answers[1], answers[3]):
            if isinstance(answer, RpcError):
                raise answer
        before, entries, history_hash, after = answers
        if before == after:
            return read_quantity(before), read_logs(entries), _read_view(history_hash)
    raise _too_fast(connection)


def _read_state(
    connection: ChainConnection, address: str, logs: list[Log]
) -> tuple[int, LedgerState]:
    """Return the block and what the ledger's views answer there; block -1 if one came between."""
    rounds, participants = [0], dict[str, None]()
    aggregators, accounts = dict[str, None](), dict[str, None]()
    chains, is_sampled, has_rewards, has_budget = dict[str, None](), False, False, False
    for log in logs:
        with contextlib.suppress(MalformedBlob):  # the checks say which log is none
            record = decode_log(log)
            match record:
                case TaskCreated():
                    is_sampled = record.parameters.sample_rate > 0
                    has_rewards = record.parameters.reward > 0
                    has_budget = record.parameters.privacy_cost > 0
                case RewardsPaid():
                    for row in filter(None, record.rows):
                        accounts[read_row(row).participant] = None
                case PotReclaimed():
                    accounts[record.coordinator] = None
                case SeedsCommitted():
                    chains[record.aggregator] = None
                case RoundOpened():
                    rounds.append(record.round)
                case ParticipantAdmitted():
                    participants[record.participant] = None
                case ParticipantSucceeded():
                    participants[record.successor] = None
                case AggregatorAppointed():
                    aggregators[record.aggregator] = None
                case BondWithdrawn():
                    accounts[record.aggregator] = None
                case BondSlashed() | ChallengeFailed():
                    accounts[record.beneficiary] = None
                case ProposalChallenged():
                    accounts[record.challenger] = None
    drawn = participants if is_sampled else {}
    charged = participants if has_budget else {}
    rewarded = [number for number in rounds if number] if has_rewards else []
    before, parameters, current, proposal, dispute, *views, after = connection.try_batch(
        [
            ("eth_blockNumber", []),
            _view(address, "parameters"),
            _view(address, "currentRound"),
            _view(address, "proposal"),
            _view(address, "dispute"),
            *(_view(address, "modelDigestOf", number) for number in rounds),
            *(_view(address, "participantOf", participant) for participant in participants),
            *(_view(address, "aggregatorOf", aggregator) for aggregator in aggregators),
            *(_view(address, "listingOf", aggregator) for aggregator in aggregators),
            *(_view(address, "payoutOf", account) for account in accounts),
            _view(address, "committing"),
            _view(address, "seeding"),
            *(_view(address, "seedChainOf", aggregator) for aggregator in chains),
            *(_view(address, "lotOf", participant) for participant in drawn),
            _view(address, "pot"),
            *(_view(address, "payrollOf", number) for number in rewarded),
            *(_view(address, "privacySpentOf", participant) for participant in charged),
            _view(address, "unmasking"),
            ("eth_blockNumber", []),
        ]
    )
    for answer in (before, after):
        if isinstance(answer, RpcError):
            raise answer
    answers = iter([_read_view(view) for view in views])
    state = LedgerState(
        parameters=_read_view(parameters),
        current_round=_read_view(current),
        proposal=_read_view(proposal),
        dispute=_read_view(dispute),
        model_digests=list(islice(answers, len(rounds))),
        participants=dict(zip(participants, answers, strict=False)),
        aggregators=dict(zip(aggregators, answers, strict=False)),
        listings=dict(zip(aggregators, answers, strict=False)),
        payouts=dict(zip(accounts, answers, strict=False)),
        committing=next(answers),
        seeding=next(answers),
        seed_chains=dict(zip(chains, answers, strict=False)),
        lots=dict(zip(drawn, answers, strict=False)),
        pot=next(answers),
        payrolls=dict(zip(rewarded, answers, strict=False)),
        privacy_spent=dict(zip(charged, answers, strict=False)),
        unmasking=next(answers),
    )
    return read_quantity(before) if before == after else -1, state


def _view(address: str, function: str, *arguments: Any) -> tuple[str, list[Any]]:
    data = "0x" + encode_view(function, *arguments).hex()
    return "eth_call", [{"to": address, "data": data}, "latest"]


def _read_view(answer: Any) -> bytes:
    # A contract that refuses its own view is not ours: the checks say so.
    return b"" if isinstance(answer, RpcError) else read_bytes(answer)


def _too_fast(connection: ChainConnection) -> LedgerError:
    return LedgerError(
        f"{connection.origin} adds blocks faster than it can be read", "audit again later"
    )
