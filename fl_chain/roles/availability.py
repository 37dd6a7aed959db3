"""Which blobs of a task can still be had, and from how many IPFS nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from fl_chain.errors import StoreError, UsageError
from fl_chain.roles.task_blobs import TaskBlob, list_blobs
from fl_chain.roles.task_history import Row, TaskHistory
from fl_chain.storage.ipfs import IpfsStore

BLOBS_AT_ONCE = 8
"""Blobs that are asked for at a time, each at every node."""

OnBlob = Callable[[int, int], None]
"""Called with the number of blobs asked for, and that of all."""


def split_reachable(stores: Sequence[IpfsStore]) -> tuple[list[IpfsStore], list[StoreError]]:
    """Return the nodes that answer, and what happened to the others.

    A node that is away says nothing about blobs; the others can be asked nevertheless.

    Raises
    ------
    StoreError
        None of them answers.
    """
    reachable, problems = list[IpfsStore](), list[StoreError]()
    for store in stores:
        try:
            store.version()
            reachable.append(store)
        except StoreError as error:
            problems.append(error)
    if not reachable:
        raise problems[0]
    return reachable, problems


def list_availability(
    history: TaskHistory, stores: Sequence[IpfsStore], on_blob: OnBlob | None = None
) -> Iterator[Row]:
    """Yield a row per blob: which of the nodes have all of it themselves, unharmed.

    A blob that no node has itself may still be on a node that none was asked about. In a task that
    asks for promises, whoever recorded a blob promised to provide it until ``promised_until``.

    Parameters
    ----------
    history
        Of the task.
    stores
        The IPFS nodes to ask, at least one, of :func:`split_reachable`; each answers only for
        itself.
    on_blob
        For who waits.

    Raises
    ------
    UsageError
        No node has the manifest: without it, nobody can tell which blobs there are.
    """
    blobs = list(list_blobs(history))
    with ThreadPoolExecutor(BLOBS_AT_ONCE) as pool:
        answers = pool.map(lambda blob: _find_keepers(blob, stores), blobs)
        for number, (blob, keepers) in enumerate(zip(blobs, answers, strict=True), start=1):
            if on_blob is not None:
                on_blob(number, len(blobs))
            promise = blob.promise_in(history.manifest)
            yield {
                "blob": blob.kind,
                "round": blob.round,
                "sequence": blob.sequence,
                "cid": str(blob.cid),
                "nodes": len(keepers),
                "nodes_asked": len(stores),
                "kept_by": keepers,
                "recorded_by": blob.recorded_by,
                "recorded_at": blob.recorded_at,
                "promised_until": promise.until if promise else None,
            }
    if len(blobs) == 1:
        raise UsageError(
            "no IPFS node that was asked has the task's manifest, which says what else there is",
            "name the nodes that may have it with --ipfs",
        )


def _find_keepers(blob: TaskBlob, stores: Sequence[IpfsStore]) -> list[str]:
    return [store.address for store in stores if _keeps(store, blob)]


def _keeps(store: IpfsStore, blob: TaskBlob) -> bool:
    try:
        return store.keeps(blob.cid, max_bytes=blob.max_bytes)
    except StoreError:
        return False  # it answered before, and has nothing to show now
