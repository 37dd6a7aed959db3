"""Checks of an evidence bundle: from the hash of its last block to every log, code and storage.

What they come to is the same evidence that a chain node would have given, and then the audit of
it. What no bundle can show is that the last block is one of the chain that it names: on a devnet
whoever runs the node makes any block it likes. An anchor on another chain, or a hash that somebody
wrote down at the time, is what ties it to the past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from eth_hash.auto import keccak

from fl_chain.audit.bundle import (
    CONTRACTS,
    HISTORY_SLOTS,
    BundleAccount,
    BundleBlock,
    BundleIndex,
)
from fl_chain.audit.chain_proofs import (
    Header,
    ProvenAccount,
    ProvenTransaction,
    decode_header,
    decode_receipt,
    decode_transaction,
    prove_account,
    prove_entry,
    prove_storage,
)
from fl_chain.audit.evidence import CodeEvidence, ContractEvidence
from fl_chain.audit.findings import Finding, Verdict, failed, passed
from fl_chain.errors import MalformedBlob
from fl_chain.protocol.car import CarIndex
from fl_chain.protocol.logs import Log, decode_log
from fl_chain.protocol.records import UpdateSubmitted

IsKnownCode = Callable[[str, bytes], bool]
"""Takes the name of one of ``ACCOUNTS`` and runtime code; whether it is this build's."""

SUBMITTED_BY_ITSELF = tuple(
    keccak(signature)[:4]
    for signature in (
        b"submitUpdate(uint32,bytes32,bytes32,uint32)",
        b"revealUpdate(uint32,bytes32,bytes32,uint32,bytes32)",
    )
)
"""Selectors of the functions by which a participant sends its own update."""


@dataclass(slots=True)
class ProvenChain:
    """What the blocks of a bundle prove."""

    logs: dict[str, list[Log]] = field(default_factory=lambda: {name: [] for name in CONTRACTS})
    creations: dict[str, ProvenTransaction] = field(default_factory=dict)
    """Contract to the transaction that deployed it."""
    head: Header | None = None
    num_blocks: int = 0
    num_links: int = 0
    """Blocks whose parent is the block before them."""
    num_sent: int = 0
    """Updates that the signature of their participant's own transaction stands for."""
    num_relayed: int = 0


def check_blocks(
    index: BundleIndex, blocks: Iterable[BundleBlock]
) -> tuple[list[Finding], ProvenChain]:
    """Check headers, receipts and transactions; return what they prove."""
    chain = ProvenChain()
    findings = []
    try:
        for block in blocks:
            header = _check_header(index, chain, decode_header(block.header))
            _read_entries(index, chain, header, block)
    except MalformedBlob as error:
        check = "receipt_proofs" if chain.head is not None else "block_headers"
        return [failed(check, error.message)], chain
    except _Wrong as wrong:
        return [wrong.finding], chain
    head = chain.head
    if head is None or (head.number, head.hash) != (index.block, index.block_hash):
        actual = head.hash.hex() if head else ""
        detail = f"the last header is not that of block {index.block}"
        return [failed("block_headers", detail, index.block_hash.hex(), actual)], chain
    linked = f"{chain.num_links} linked to the one before" if index.is_linked else "not linked"
    detail = f"{chain.num_blocks} headers up to block {head.number}, {head.hash.hex()}, {linked}"
    findings.append(passed("block_headers", detail))
    num_logs = sum(map(len, chain.logs.values()))
    findings.append(passed("receipt_proofs", f"{num_logs} logs stand in receipts of their blocks"))
    relayed = f", {chain.num_relayed} were handed in by others" if chain.num_relayed else ""
    detail = f"{chain.num_sent} updates were sent by their participants' own keys{relayed}"
    findings.append(passed("senders", detail))
    return findings, chain


def check_state_proofs(
    index: BundleIndex,
    chain: ProvenChain,
    accounts: dict[str, BundleAccount],
    is_known_code: IsKnownCode,
) -> tuple[Finding, dict[str, ContractEvidence], CodeEvidence]:
    """Check code and storage below the last block's state root; return the contracts' evidence.

    Where a proof fails, the evidence says nothing: no code is known, no history hash is right.
    """
    check = "contract_proofs"
    if chain.head is None:
        raise ValueError("without a header there is no state root")
    found, problem, root = {}, "", chain.head.state_root
    for name, address in zip(CONTRACTS, (index.ledger, index.registry), strict=True):
        account, code, history_hash = accounts[name], b"", b""
        try:
            proven = _prove_code(root, address, account)
            code = account.code
            slot = HISTORY_SLOTS[name]
            history_hash = prove_storage(proven.storage_root, slot, account.storage)
        except MalformedBlob as error:
            problem = problem or f"{name}: {error.message}"
        creation = chain.creations.get(name)
        found[name] = ContractEvidence(
            address=address,
            logs=chain.logs[name],
            history_hash=history_hash,
            is_known_code=bool(code) and is_known_code(name, code),
            creation_input=creation.input if creation else b"",
        )
    account, code = accounts["disputes"], b""
    try:
        _prove_code(root, index.disputes, account)
        code = account.code
    except MalformedBlob as error:
        problem = problem or f"disputes: {error.message}"
    disputes = CodeEvidence(index.disputes, bool(code) and is_known_code("disputes", code))
    if problem:
        return failed(check, problem), found, disputes
    detail = (
        "code and history hash of both contracts, and the code for disputes,"
        f" stand in the state of block {chain.head.number}"
    )
    return passed(check, detail), found, disputes


def _prove_code(state_root: bytes, address: str, account: BundleAccount) -> ProvenAccount:
    """Return an account of the state whose code is the one that is shown."""
    proven = prove_account(state_root, address, account.account)
    if keccak(account.code) != proven.code_hash:
        raise MalformedBlob(f"the code of {address} is not what the state has")
    return proven


def check_build(is_same: bool) -> Finding:
    """Check that the bundle's contract builds are those of this version."""
    check = "contract_build"
    if is_same:
        return passed(check, "the contracts in the bundle are those of this version")
    detail = (
        "the bundle was made with another version: use the one that its manifest names; or, if"
        " bundle_files fails, these files are damaged"
    )
    return Finding(check, Verdict.UNDECIDABLE, detail=detail)


def check_content(index: CarIndex) -> Finding:
    """Check that the content of the bundle can be read, and hashes to its CIDs."""
    check = "bundle_content"
    if index.problem:
        return failed(check, index.problem)
    if index.damaged:
        detail = (
            f"{len(index.damaged)} of the blocks are damaged, among them {index.name_damaged()}"
        )
        return failed(check, detail)
    return passed(check, f"{len(index.places)} blocks hash to their CIDs")


class _Wrong(Exception):
    """What ends the reading of blocks: after it nothing is proved any more."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


def _check_header(index: BundleIndex, chain: ProvenChain, header: Header) -> Header:
    former = chain.head
    if former is not None:
        if header.number <= former.number or header.timestamp < former.timestamp:
            detail = f"block {header.number} does not come after block {former.number}"
            raise _Wrong(failed("block_headers", detail))
        is_next = header.number == former.number + 1
        if is_next and header.parent_hash != former.hash:
            detail = f"block {former.number} is not the parent of block {header.number}"
            expected, actual = header.parent_hash.hex(), former.hash.hex()
            raise _Wrong(failed("block_headers", detail, expected, actual))
        if index.is_linked and not is_next:
            detail = f"there is no header between {former.number} and {header.number}"
            raise _Wrong(failed("block_headers", detail))
        chain.num_links += is_next
    chain.head = header
    chain.num_blocks += 1
    return header


def _read_entries(
    index: BundleIndex, chain: ProvenChain, header: Header, block: BundleBlock
) -> None:
    addresses = dict(zip((index.ledger, index.registry), CONTRACTS, strict=True))
    former, position = -1, 0
    for entry in block.entries:
        if entry.index <= former:
            raise MalformedBlob(f"transactions of block {header.number} are not in their order")
        former = entry.index
        transaction = decode_transaction(
            prove_entry(header.transactions_root, entry.index, entry.transaction)
        )
        receipt = prove_entry(header.receipts_root, entry.index, entry.receipt)
        if not transaction.to and transaction.contract in addresses:
            chain.creations[addresses[transaction.contract]] = transaction
        for proven in decode_receipt(receipt):
            name = addresses.get(proven.address)
            if name is None:
                continue
            # Only the order of logs counts, which is that of the receipts.
            place = (header.number, position, transaction.hash)
            log = Log(proven.address, proven.topics, proven.data, *place)
            position += 1
            chain.logs[name].append(log)
            if name == "ledger":
                _check_sender(index, chain, transaction, log)


def _check_sender(
    index: BundleIndex, chain: ProvenChain, transaction: ProvenTransaction, log: Log
) -> None:
    try:
        record = decode_log(log)
    except MalformedBlob:
        return  # the check of the history says so
    if not isinstance(record, UpdateSubmitted):
        return
    is_by_itself = transaction.input[:4] in SUBMITTED_BY_ITSELF
    if transaction.to != index.ledger or not is_by_itself:
        chain.num_relayed += 1
        return
    if transaction.sender != record.participant:
        detail = f"update {record.sequence} of round {record.round} was sent by another key"
        raise _Wrong(failed("senders", detail, record.participant, transaction.sender))
    chain.num_sent += 1
