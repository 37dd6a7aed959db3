"""Write down all evidence of a task, so that its audit needs no server later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fl_chain.audit.bundle import (
    ACCOUNTS,
    BLOCKS,
    BUILDS,
    CONTENT,
    FILES,
    HISTORY_SLOTS,
    INDEX,
    STATE,
    BundleAccount,
    BundleBlock,
    BundleEntry,
    BundleFile,
    BundleIndex,
    encode_block,
    encode_index,
    encode_state,
)
from fl_chain.chain.block_proofs import (
    fetch_account_proof,
    fetch_entry_proofs,
    fetch_headers,
)
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.contracts import DISPUTES, LEDGER, REGISTRY, encode_build
from fl_chain.errors import LedgerError, StoreError
from fl_chain.protocol.car import encode_car_header, encode_section
from fl_chain.protocol.cid import Cid, split_blocks
from fl_chain.roles.evidence_files import BundleWriter
from fl_chain.roles.task_blobs import list_blobs
from fl_chain.roles.task_history import TaskHistory
from fl_chain.storage.store import ContentStore

HEADERS_AT_ONCE = 200

OnStep = Callable[[str, int, int], None]
"""Called with what is being written, how many of it are, and how many there are."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of an export."""

    num_blocks: int
    num_blobs: int
    num_bytes: int
    missing: tuple[Cid, ...]
    """Content that could not be had."""


def export_evidence(
    history: TaskHistory,
    store: ContentStore,
    path: Path,
    *,
    is_linked: bool = True,
    on_step: OnStep | None = None,
) -> Exported:
    """Write the evidence bundle of a task.

    The same history, with the same content at hand, makes the same bytes.

    Parameters
    ----------
    history
        Of the task, up to date.
    store
        Where its content is fetched from.
    path
        Folder or .tar to make; not there yet.
    is_linked
        Whether to write every header from the first block with a record to the last, so that the
        hash of the last block stands for all of them; otherwise only those with records.
    on_step
        For who waits.

    Raises
    ------
    LedgerError
        The chain node does not give whole blocks, or a rewrite came between.
    UsageError
        The path is there already.
    """
    head = history.index.head
    registry, disputes = history.parameters.registry, history.parameters.disputes
    addresses = (history.index.ledger, registry, disputes)
    writer = BundleWriter(path)
    try:
        blocks = _find_blocks(history, registry, head.block)
        numbers: Sequence[int] = sorted({*blocks, head.block})
        if is_linked:
            numbers = range(numbers[0], head.block + 1)
        _write_blocks(writer, history.connection, blocks, numbers, on_step)
        accounts = {}
        for name, address in zip(ACCOUNTS, addresses, strict=True):
            slot = HISTORY_SLOTS.get(name)
            proof = fetch_account_proof(history.connection, address, slot, head.block)
            accounts[name] = BundleAccount(proof.code, proof.account, proof.storage)
        writer.write(STATE, encode_state(accounts))
        for name, contract in zip(ACCOUNTS, (LEDGER, REGISTRY, DISPUTES), strict=True):
            writer.write(BUILDS[name], encode_build(contract))
        num_blobs, missing = _write_content(writer, history, store, on_step)
        files = tuple(_describe(writer.folder / name, name) for name in FILES)
        index = BundleIndex(
            history.index.chain_id,
            history.index.ledger,
            registry,
            disputes,
            head.block,
            head.hash,
            is_linked,
            files,
            missing,
        )
        writer.write(INDEX, encode_index(index))
        writer.finish()
    except BaseException:
        writer.discard()
        raise
    return Exported(len(numbers), num_blobs, sum(file.size for file in files), missing)


def _find_blocks(history: TaskHistory, registry: str, last: int) -> dict[int, list[bytes]]:
    """Return the blocks with records of either contract, and the transactions that made them."""
    blocks: dict[int, dict[bytes, None]] = {}
    for item in history.index.history():
        blocks.setdefault(item.block, {})[item.transaction] = None
    for log in history.connection.fetch_logs(0, address=registry, toBlock=hex(last)):
        blocks.setdefault(log.block_number, {})[log.transaction_hash] = None
    return {number: list(names) for number, names in sorted(blocks.items())}


def _write_blocks(
    writer: BundleWriter,
    connection: ChainConnection,
    blocks: dict[int, list[bytes]],
    numbers: Sequence[int],
    on_step: OnStep | None,
) -> None:
    done = 0
    with writer.open(BLOCKS) as file:
        for first in range(0, len(numbers), HEADERS_AT_ONCE):
            some = numbers[first : first + HEADERS_AT_ONCE]
            for number, header in zip(some, fetch_headers(connection, some), strict=True):
                proofs = (
                    fetch_entry_proofs(connection, number, blocks[number])
                    if number in blocks
                    else []
                )
                entries = tuple(BundleEntry(p.index, p.transaction, p.receipt) for p in proofs)
                if len(entries) != len(blocks.get(number, ())):
                    raise LedgerError(
                        f"{connection.origin} rewrote block {number} meanwhile", "export again"
                    )
                file.write(encode_block(BundleBlock(header, entries)))
                done += 1
                if on_step is not None:
                    on_step("blocks", done, len(numbers))


def _write_content(
    writer: BundleWriter, history: TaskHistory, store: ContentStore, on_step: OnStep | None
) -> tuple[int, tuple[Cid, ...]]:
    blobs = {blob.cid: blob.max_bytes for blob in list_blobs(history)}
    missing: list[Cid] = []
    written: set[Cid] = set()

    def sections() -> Iterator[bytes]:
        for number, (cid, max_bytes) in enumerate(blobs.items(), start=1):
            try:
                data = store.get(cid, max_bytes=max_bytes)
            except StoreError:
                missing.append(cid)
                continue
            for name, block in split_blocks(data):
                if name not in written:
                    written.add(name)
                    yield encode_section(name, block)
            if on_step is not None:
                on_step("content", number, len(blobs))

    with writer.open(CONTENT) as file:
        # Every blob is a root, so that a node which imports the file pins all of them.
        file.write(encode_car_header(list(blobs)))
        for section in sections():
            file.write(section)
    return len(blobs) - len(missing), tuple(missing)


def _describe(path: Path, name: str) -> BundleFile:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            hasher.update(piece)
    return BundleFile(name, path.stat().st_size, hasher.digest())
