"""Put the root of a task's history on another chain, and find it there again."""

from __future__ import annotations

from pathlib import Path

from eth_account.signers.local import LocalAccount

from fl_chain.audit.findings import Finding, Verdict, failed, passed
from fl_chain.chain.answers import read_bytes, read_field, read_quantity
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.sender import TransactionSender
from fl_chain.errors import MalformedBlob, UsageError, WrongChain
from fl_chain.protocol.anchor import (
    MAX_ANCHOR_BYTES,
    Anchor,
    AnchoredHistory,
    compute_root,
    decode_anchor,
    encode_anchor,
    encode_anchor_data,
)
from fl_chain.roles.evidence_verify import VerifiedBundle
from fl_chain.roles.small_files import read_start, write_new


def history_of(bundle: VerifiedBundle) -> AnchoredHistory:
    """Return the history that a bundle shows.

    Raises
    ------
    UsageError
        The bundle proves none.
    """
    if bundle.evidence is None or not bundle.evidence.ledger.history_hash:
        raise UsageError(
            "the bundle proves no history", "see: fl-chain evidence verify, then export it again"
        )
    index = bundle.index
    return AnchoredHistory(
        index.chain_id,
        index.ledger,
        index.block,
        index.block_hash,
        bundle.evidence.ledger.history_hash,
    )


def anchor_history(
    connection: ChainConnection, account: LocalAccount, history: AnchoredHistory
) -> Anchor:
    """Put the root of a history on a chain: a transaction to oneself, with the root as its data.

    Raises
    ------
    UsageError
        It is the chain of the task itself: whoever could rewrite the history could rewrite that.
    InsufficientFunds
        The account cannot pay.
    """
    if connection.chain_id == history.chain_id:
        raise UsageError(
            f"{connection.origin} serves the task's own chain, {history.chain_id}",
            "an anchor is worth something on a chain that others run: name one with --rpc",
        )
    root = compute_root(history)
    sender = TransactionSender(connection, account)
    receipt = sender.send(sender.address, encode_anchor_data(root))
    return Anchor(root, connection.chain_id, receipt.transaction_hash)


def check_anchor(connection: ChainConnection, anchor: Anchor, history: AnchoredHistory) -> Finding:
    """Check that an anchor stands for a history, and say since when.

    Raises
    ------
    WrongChain
        The node serves another chain than the anchor's.
    """
    if connection.chain_id != anchor.chain_id:
        raise WrongChain(
            f"{connection.origin} serves chain {connection.chain_id}, the anchor is on"
            f" {anchor.chain_id}",
            "name a node of that chain with --anchor-rpc",
        )
    check = "anchor"
    root = compute_root(history)
    if anchor.root != root:
        detail = "the anchor stands for another history"
        return failed(check, detail, root.hex(), anchor.root.hex())
    name = "0x" + anchor.transaction.hex()
    entry = connection.call("eth_getTransactionByHash", name)
    # A node may call a transaction pending for a moment after it has its receipt.
    receipt = connection.call("eth_getTransactionReceipt", name)
    if entry is None or receipt is None:
        detail = f"chain {anchor.chain_id} has no transaction {name}"
        return Finding(check, Verdict.UNDECIDABLE, detail=detail)
    data = read_bytes(read_field(entry, "input"))
    if data != encode_anchor_data(root):
        detail = "the transaction that the anchor names says something else"
        return failed(check, detail, encode_anchor_data(root).hex(), data[:100].hex())
    number = read_quantity(read_field(receipt, "blockNumber"))
    block = connection.call("eth_getBlockByNumber", hex(number), False)
    when = read_quantity(read_field(block, "timestamp"))
    detail = f"this history was on chain {anchor.chain_id} in block {number}, at {when} s"
    return passed(check, detail)


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Write where an anchor is to a file that is not there yet.

    Raises
    ------
    UsageError, LocalStateError
        See :func:`fl_chain.roles.small_files.write_new`.
    """
    write_new(path, encode_anchor(anchor))


def read_anchor(path: Path) -> Anchor:
    """Return where the anchor of a file is.

    Raises
    ------
    UsageError
        The file cannot be read, or says no such thing.
    """
    try:
        return decode_anchor(read_start(path, MAX_ANCHOR_BYTES))
    except MalformedBlob as error:
        raise UsageError(
            f"{path} is no anchor: {error.message}", "make one with: fl-chain evidence anchor"
        ) from None
