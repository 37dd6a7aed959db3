"""Bring an index up to date with a chain node: only what is new is fetched.

A chain that was rewritten is noticed by the hash of a block, and the index goes back to the last
one that still stands. At the end the index is held against the contract's own running hash: it has
every record as the contract made it, or there is an error and no answer.

Source: Ethereum JSON-RPC specification, https://ethereum.github.io/execution-apis/.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fl_chain.chain.answers import read_bytes, read_field, read_logs, read_quantity
from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.chain.contracts import encode_view
from fl_chain.errors import LedgerError, MalformedBlob
from fl_chain.index.index import Checkpoint, HistoryIndex

OnWindow = Callable[[int, int], None]
"""Called with the last block that is indexed, and the last one that there is."""

FIRST_WINDOW: Final = 64
"""Blocks asked for at first; full ones with batches of updates have some 2,000 logs each."""
MOST_BLOCKS: Final = 2**14
FEW_LOGS: Final = 5_000
"""An answer with fewer makes the next request twice as long."""
MANY_LOGS: Final = 20_000
CHECKED_AT_ONCE: Final = 100
"""Checkpoints asked for in one request, to find the last one that stands."""
MOST_REWRITES: Final = 10
"""Times that a chain may be rewritten while it is read."""


def locate_index(state: Path, chain_id: int, ledger: str) -> Path:
    """Return the file of a task's index in a state folder; it can be deleted at any time."""
    return state / "index" / f"{chain_id}-{ledger}.sqlite"


def open_index(state: Path, connection: ChainConnection, ledger: str) -> HistoryIndex:
    """Open the index of a task; it knows what it knew last time."""
    ledger = ledger.lower()
    path = locate_index(state, connection.chain_id, ledger)
    return HistoryIndex(path, connection.chain_id, ledger)


def update_index(
    index: HistoryIndex, connection: ChainConnection, on_window: OnWindow | None = None
) -> None:
    """Add what is new on the chain, and forget what is not on it any more.

    Raises
    ------
    LedgerError
        The chain node contradicts itself: its logs are not those that the contract hashed.
    """
    for _ in range(MOST_REWRITES):
        _rewind(index, connection)
        if not _catch_up(index, connection, on_window):
            continue
        if _is_complete(index, connection):
            return
        # Part of what was read may be of a chain that was rewritten in the very moment.
        index.truncate(None)
        if _catch_up(index, connection, on_window) and _is_complete(index, connection):
            return
    raise LedgerError(
        f"{connection.origin} left out, altered or reordered records of {index.ledger}: they do"
        " not hash to what the contract says",
        "ask another chain node with --rpc; fl-chain audit run says more",
    )


def _rewind(index: HistoryIndex, connection: ChainConnection) -> None:
    """Go back to the newest checkpoint that is on the chain."""
    known = index.checkpoints()
    # Almost always the chain has only grown, so the newest is asked for by itself.
    for first, end in [
        (0, 1),
        *((n, n + CHECKED_AT_ONCE) for n in range(1, len(known), CHECKED_AT_ONCE)),
    ]:
        some = known[first:end]
        found = connection.try_batch([_block(checkpoint.block) for checkpoint in some])
        for checkpoint, block in zip(some, found, strict=True):
            if _hash_of(block) == checkpoint.hash:
                if checkpoint != known[0]:
                    index.truncate(checkpoint)
                return
    index.truncate(None)


def _catch_up(index: HistoryIndex, connection: ChainConnection, on_window: OnWindow | None) -> bool:
    """Add the blocks up to the latest one; False if the chain was rewritten on the way."""
    latest = read_quantity(connection.call("eth_blockNumber"))
    window = FIRST_WINDOW
    while (head := index.head).block < latest:
        last = min(head.block + window, latest)
        logs, block, before = connection.try_batch(
            [
                ("eth_getLogs", [_range(index.ledger, head.block + 1, last)]),
                _block(last),
                _block(max(head.block, 0)),
            ]
        )
        if isinstance(logs, RpcError) and window > 1:  # more than the node or we take at once
            window = max(window // 8, 1)
            continue
        if isinstance(logs, RpcError):
            raise logs
        if block is None or (head.hash and _hash_of(before) != head.hash):
            return False
        found = read_logs(logs)
        try:
            index.append(head, found, last, _hash_of(block))
        except MalformedBlob as error:
            raise LedgerError(
                f"{connection.origin}: {error.message}", "the contract is not this project's"
            ) from None
        if on_window is not None:
            on_window(last, latest)
        if len(found) < FEW_LOGS:
            window = min(2 * window, MOST_BLOCKS)
        elif len(found) > MANY_LOGS:
            window = max(window // 4, 1)
    return True


def _is_complete(index: HistoryIndex, connection: ChainConnection) -> bool:
    """Return whether the contract has hashed the records that the index has, and no others."""
    head: Checkpoint = index.head
    call = {"to": index.ledger, "data": "0x" + encode_view("historyHash").hex()}
    answer, block = connection.try_batch(
        [("eth_call", [call, hex(max(head.block, 0))]), _block(max(head.block, 0))]
    )
    if isinstance(answer, RpcError):
        raise answer
    return read_bytes(answer) == head.history and _hash_of(block) == head.hash


def _range(ledger: str, first: int, last: int) -> dict[str, str]:
    return {"address": ledger, "fromBlock": hex(first), "toBlock": hex(last)}


def _block(number: int) -> tuple[str, list[Any]]:
    return "eth_getBlockByNumber", [hex(number), False]


def _hash_of(block: Any) -> bytes:
    """Return a block's hash; empty if there is no such block."""
    if block is None or isinstance(block, RpcError):
        return b""
    return read_bytes(read_field(block, "hash"))
