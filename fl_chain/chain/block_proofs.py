"""Blocks as a chain node tells them, put back into the bytes that their hashes are of.

JSON-RPC gives fields, proofs need RLP. Whatever a node says is held against the hashes that it
gives for it, so that what is put together here is what was mined, or an error.

Source: Ethereum yellow paper, sections 4.3 and 4.4.3 and appendix D; EIP-2718, EIP-2930, EIP-1559;
EIP-1186 (eth_getProof).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rlp
from eth_hash.auto import keccak
from trie.hexary import HexaryTrie

from fl_chain.chain.answers import read_bytes, read_field, read_list, read_quantity
from fl_chain.chain.connection import ChainConnection
from fl_chain.errors import LedgerError

_HEADER_FIELDS = (
    *(("parentHash", 32), ("sha3Uncles", 32), ("miner", 20), ("stateRoot", 32)),
    *(("transactionsRoot", 32), ("receiptsRoot", 32), ("logsBloom", 256), ("difficulty", 0)),
    *(("number", 0), ("gasLimit", 0), ("gasUsed", 0), ("timestamp", 0), ("extraData", -1)),
    *(("mixHash", 32), ("nonce", 8), ("baseFeePerGas", 0), ("withdrawalsRoot", 32)),
    *(("blobGasUsed", 0), ("excessBlobGas", 0), ("parentBeaconBlockRoot", 32)),
    *(("requestsHash", 32),),
)
"""Name and size of each field in its order; 0 is a number, -1 any bytes. The last six came one by
one with hard forks: a header has them up to the first that is missing."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """The nodes that lead to one transaction and to its receipt, from the roots of their block."""

    index: int
    transaction: tuple[bytes, ...]
    receipt: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """The nodes that lead to an account, and from there to a storage slot; and its code."""

    code: bytes
    account: tuple[bytes, ...]
    storage: tuple[bytes, ...]


def fetch_headers(connection: ChainConnection, numbers: Sequence[int]) -> list[bytes]:
    """Return the headers of some blocks as RLP.

    Raises
    ------
    LedgerError
        There is no such block, or its fields do not hash to its hash.
    """
    blocks = connection.batch([("eth_getBlockByNumber", [hex(n), False]) for n in numbers])
    return [_encode_header(connection, n, block) for n, block in zip(numbers, blocks, strict=True)]


def fetch_entry_proofs(
    connection: ChainConnection, number: int, hashes: Sequence[bytes]
) -> list[EntryProof]:
    """Return the proofs of some transactions of a block, in its order.

    Raises
    ------
    LedgerError
        The transactions and receipts that the node gives are not those of the block.
    """
    block = connection.call("eth_getBlockByNumber", hex(number), True)
    entries = read_list(read_field(block, "transactions"))
    names = [read_field(entry, "hash") for entry in entries]
    receipts = connection.batch([("eth_getTransactionReceipt", [name]) for name in names])
    tries = HexaryTrie({}), HexaryTrie({})
    for index, (entry, receipt) in enumerate(zip(entries, receipts, strict=True)):
        tries[0][rlp.encode(index)] = _encode_transaction(entry)
        tries[1][rlp.encode(index)] = _encode_receipt(receipt)
    for root, trie in zip(("transactionsRoot", "receiptsRoot"), tries, strict=True):
        if read_bytes(read_field(block, root)) != trie.root_hash:
            raise LedgerError(
                f"{connection.origin} tells block {number} otherwise than its {root} says",
                "evidence takes a chain node that gives whole blocks: ask another one with --rpc",
            )
    wanted = {"0x" + name.hex() for name in hashes}
    return [
        EntryProof(index, *(_prove(trie, index) for trie in tries))
        for index, name in enumerate(names)
        if name in wanted
    ]


def fetch_account_proof(
    connection: ChainConnection, address: str, slot: int | None, number: int
) -> AccountProof:
    """Return what proves a contract's code, and a slot of its storage if any, at a block."""
    slots = [] if slot is None else ["0x" + slot.to_bytes(32).hex()]
    answer, code = connection.batch(
        [
            ("eth_getProof", [address, slots, hex(number)]),
            ("eth_getCode", [address, hex(number)]),
        ]
    )
    stored = read_list(read_field(answer, "storageProof"))
    if len(stored) != len(slots):
        raise LedgerError(f"{connection.origin} proves other storage than was asked for")
    return AccountProof(
        code=read_bytes(code),
        account=tuple(map(read_bytes, read_list(read_field(answer, "accountProof")))),
        storage=tuple(
            read_bytes(node) for one in stored for node in read_list(read_field(one, "proof"))
        ),
    )


def _encode_header(connection: ChainConnection, number: int, block: Any) -> bytes:
    if block is None:
        raise LedgerError(f"{connection.origin} has no block {number}", "check --rpc")
    fields = []
    for name, size in _HEADER_FIELDS:
        if name not in block:
            break
        value = block[name]
        fields.append(_number(value) if size == 0 else read_bytes(value))
    header = rlp.encode(fields)
    if keccak(header) != read_bytes(read_field(block, "hash")):
        raise LedgerError(
            f"{connection.origin} gives a header of block {number} that is not its hash's",
            "evidence takes a chain of Ethereum's form: ask another chain node with --rpc",
        )
    return bytes(header)


def _encode_transaction(entry: Any) -> bytes:
    """Return a transaction as it was signed; other types than 0, 1 and 2 end in an error."""
    kind = read_quantity(entry.get("type", "0x0"))
    common = [
        _number(read_field(entry, "gas")),
        read_bytes(entry["to"]) if entry.get("to") else b"",
        _number(read_field(entry, "value")),
        read_bytes(read_field(entry, "input")),
    ]
    nonce = _number(read_field(entry, "nonce"))
    signature = [_number(read_field(entry, name)) for name in ("r", "s")]
    if kind == 0:
        fields = [nonce, _number(read_field(entry, "gasPrice")), *common]
        encoded = rlp.encode([*fields, _number(read_field(entry, "v")), *signature])
    elif kind in (1, 2):
        prices = ("gasPrice",) if kind == 1 else ("maxPriorityFeePerGas", "maxFeePerGas")
        access = [
            [read_bytes(read_field(item, "address")), [*map(read_bytes, item["storageKeys"])]]
            for item in entry.get("accessList") or ()
        ]
        parity = _number(entry.get("yParity", entry.get("v")))
        head = [_number(read_field(entry, "chainId")), nonce]
        head += [_number(read_field(entry, price)) for price in prices]
        encoded = bytes([kind]) + rlp.encode([*head, *common, access, parity, *signature])
    else:
        raise LedgerError(
            f"a block has a transaction of type {kind}, which evidence cannot hold yet",
            "fl_chain itself sends none of them",
        )
    if keccak(encoded) != read_bytes(read_field(entry, "hash")):
        raise LedgerError("a transaction does not hash to its hash", "ask another node with --rpc")
    return bytes(encoded)


def _encode_receipt(receipt: Any) -> bytes:
    kind = read_quantity(receipt.get("type", "0x0"))
    logs = [
        [
            read_bytes(read_field(log, "address")),
            [*map(read_bytes, read_list(read_field(log, "topics")))],
            read_bytes(read_field(log, "data")),
        ]
        for log in read_list(read_field(receipt, "logs"))
    ]
    fields = [
        _number(read_field(receipt, "status")),
        _number(read_field(receipt, "cumulativeGasUsed")),
        read_bytes(read_field(receipt, "logsBloom")),
        logs,
    ]
    prefix = bytes([kind]) if kind else b""
    return prefix + bytes(rlp.encode(fields))


def _number(value: Any) -> bytes:
    """Return a quantity as RLP writes it: big-endian without leading zeros."""
    number = read_quantity(value)
    return number.to_bytes((number.bit_length() + 7) // 8)


def _prove(trie: HexaryTrie, index: int) -> tuple[bytes, ...]:
    proof = trie.get_proof(rlp.encode(index))  # type: ignore[no-untyped-call]
    return tuple(bytes(rlp.encode(node)) for node in proof)
