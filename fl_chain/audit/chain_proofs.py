"""What a block proves: headers, and what stands below their roots.

A block's hash is of its header, which has the roots of three tries: of transactions, of receipts
(with all event logs), and of the state (with the code and the storage of every contract). Whoever
trusts the hash therefore need not trust whoever shows what is below it.

Source: Ethereum yellow paper, appendix D, and EIP-2718 (typed transactions), EIP-1559, EIP-155;
proofs are verified by py-trie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import rlp
from eth_hash.auto import keccak
from rlp.exceptions import RLPException
from trie.exceptions import BadTrieProof, InvalidNode, MissingTraversalNode, ValidationError
from trie.hexary import HexaryTrie

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.attestation import Signature
from fl_chain.protocol.signers import recover_signer

MAX_NODE_BYTES: Final = 2**24
"""Largest node of a proof: it holds a whole transaction or receipt."""
MAX_PROOF_NODES: Final = 64
_ADDRESS_BYTES: Final = 20
_TYPED: Final = (1, 2)
"""Transactions with an access list, and with a fee market; other types deploy nothing here."""
_BROKEN: Final = (
    *(RLPException, BadTrieProof, InvalidNode, MissingTraversalNode, ValidationError),
    *(TypeError, ValueError, IndexError, AttributeError, AssertionError, KeyError),
    RecursionError,
)
"""What the libraries raise on bytes that nobody made honestly."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a block's header says."""

    hash: bytes
    number: int
    timestamp: int
    """Seconds since the epoch."""
    parent_hash: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes


@dataclass(frozen=True, slots=True)
class ProvenLog:
    """An event log of a receipt."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class ProvenTransaction:
    """A transaction, and who signed it."""

    hash: bytes
    sender: str
    nonce: int
    to: str
    """Empty if it deploys a contract."""
    input: bytes

    @property
    def contract(self) -> str:
        """Address of the contract that it deploys."""
        word = rlp.encode([bytes.fromhex(self.sender[2:]), self.nonce])
        return "0x" + keccak(word)[-_ADDRESS_BYTES:].hex()


@dataclass(frozen=True, slots=True)
class ProvenAccount:
    """An account of the state."""

    storage_root: bytes
    code_hash: bytes


def decode_header(data: bytes) -> Header:
    """Return what a header's RLP says.

    Raises
    ------
    MalformedBlob
        It is no header.
    """
    try:
        fields: Any = rlp.decode(data)
        roots = [fields[i] for i in (0, 3, 4, 5)]
        if len(fields) < 15 or any(len(root) != 32 for root in roots):
            raise ValueError(len(fields))
        number, timestamp = (int.from_bytes(fields[i]) for i in (8, 11))
    except _BROKEN:
        raise MalformedBlob("a block header is no RLP of one") from None
    parent, state, transactions, receipts = roots
    return Header(keccak(data), number, timestamp, parent, state, transactions, receipts)


def prove_entry(root: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """Return the transaction or receipt with an index below a root.

    Raises
    ------
    MalformedBlob
        The nodes prove nothing of that kind.
    """
    return _prove(root, rlp.encode(index), proof)


def prove_account(state_root: bytes, address: str, proof: Sequence[bytes]) -> ProvenAccount:
    """Return an account below a state root.

    Raises
    ------
    MalformedBlob
        The nodes do not prove it.
    """
    value = _prove(state_root, keccak(bytes.fromhex(address[2:])), proof)
    try:
        _, _, storage_root, code_hash = rlp.decode(value)
        if len(storage_root) != 32 or len(code_hash) != 32:
            raise ValueError(value)
    except _BROKEN:
        raise MalformedBlob(f"the state proves no account {address}") from None
    return ProvenAccount(bytes(storage_root), bytes(code_hash))


def prove_storage(storage_root: bytes, slot: int, proof: Sequence[bytes]) -> bytes:
    """Return the word in a storage slot.

    Raises
    ------
    MalformedBlob
        The nodes do not prove it.
    """
    value = _prove(storage_root, keccak(slot.to_bytes(32)), proof)
    try:
        word = bytes(rlp.decode(value)) if value else b""
    except _BROKEN:
        word = bytes(33)
    if len(word) > 32:
        raise MalformedBlob(f"the storage proves no word in slot {slot}")
    return word.rjust(32, b"\0")


def decode_receipt(data: bytes) -> list[ProvenLog]:
    """Return the event logs of a receipt.

    Raises
    ------
    MalformedBlob
        It is none.
    """
    try:
        fields: Any = rlp.decode(data[1:] if data[:1] < b"\x80" else data)
        _, _, _, logs = fields
        found = [(bytes(a), tuple(bytes(t) for t in topics), bytes(d)) for a, topics, d in logs]
        if any(len(a) != _ADDRESS_BYTES or any(len(t) != 32 for t in ts) for a, ts, _ in found):
            raise ValueError(found)
    except _BROKEN:
        raise MalformedBlob("a receipt is no RLP of one") from None
    return [ProvenLog("0x" + address.hex(), topics, log) for address, topics, log in found]


def decode_transaction(data: bytes) -> ProvenTransaction:
    """Return a transaction and who signed it.

    Raises
    ------
    MalformedBlob
        It is none, of another type than legacy, 1 or 2, or signed by nobody.
    """
    try:
        kind = data[0] if data and data[0] < 0x80 else 0
        if kind not in (0, *_TYPED):
            raise ValueError(kind)
        fields: Any = rlp.decode(data[1:] if kind else data)
        if kind:
            nonce_at = 1
            to, content = (fields[5], fields[7]) if kind == 2 else (fields[4], fields[6])
            unsigned = bytes([kind]) + rlp.encode(fields[:-3])
            parity = int.from_bytes(fields[-3])
        else:
            nonce_at, to, content = 0, fields[3], fields[5]
            v = int.from_bytes(fields[6])
            parity = (v - 35) % 2 if v >= 35 else v - 27
            suffix = [(v - 35) // 2, b"", b""] if v >= 35 else []
            unsigned = rlp.encode([*fields[:6], *suffix])
        if len(to) not in (0, _ADDRESS_BYTES):
            raise ValueError(to)
        r, s = (int.from_bytes(part) for part in fields[-2:])
        signature = Signature(r.to_bytes(32), (parity << 255 | s).to_bytes(32))
        sender = recover_signer(keccak(unsigned), signature)
        if parity not in (0, 1) or s >> 255 or not sender:
            raise ValueError(parity)
    except (*_BROKEN, OverflowError):
        raise MalformedBlob("a transaction is no RLP of one that somebody signed") from None
    return ProvenTransaction(
        hash=keccak(data),
        sender=sender,
        nonce=int.from_bytes(fields[nonce_at]),
        to="0x" + bytes(to).hex() if to else "",
        input=bytes(content),
    )


def _prove(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    try:
        if len(proof) > MAX_PROOF_NODES or any(len(node) > MAX_NODE_BYTES for node in proof):
            raise ValueError(len(proof))
        nodes = [rlp.decode(node) for node in proof]
        value: bytes = HexaryTrie.get_from_proof(root, key, nodes)  # type: ignore[no-untyped-call]
    except _BROKEN:
        raise MalformedBlob(
            "the nodes of a proof do not lead from the root to what it is of"
        ) from None
    return value
