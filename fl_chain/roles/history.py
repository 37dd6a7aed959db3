"""The on-chain history as rows: one flat mapping per task, round, update or participant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fl_chain.aggregation.derive import compute_update_bytes
from fl_chain.aggregation.submissions import Place, Submission, list_submissions
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import EthereumLedger, find_tasks
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import LedgerError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.records import Record, RoundOpened, TaskCreated, UpdateSubmitted
from fl_chain.protocol.round import Task
from fl_chain.protocol.state import RoundHistory
from fl_chain.roles.manifest_shelf import ManifestShelf

Row = dict[str, Any]


def replay(
    ledger: Ledger, before: Callable[[Task, Record], None] | None = None
) -> tuple[Task, int]:
    """Return the state of a ledger and the timestamp of the latest block.

    Parameters
    ----------
    ledger
        Read from its first block on.
    before
        Called with the state before each record but the first.
    """
    page = ledger.fetch(0)
    task = None
    for log in page.logs:
        record = decode_log(log)
        if isinstance(record, TaskCreated):
            task = Task(record)
        elif task is not None:
            if before is not None:
                before(task, record)
            task.apply(record)  # type: ignore[arg-type]
    if task is None:
        raise LedgerError(f"the ledger at {ledger.address} has no records")
    return task, page.now


def list_tasks(connection: ChainConnection, shelf: ManifestShelf) -> Iterator[Row]:
    """Yield a row per task on the chain, oldest first; names are those of the shelf's manifests."""
    found = find_tasks(connection)
    replays = [replay(EthereumLedger(connection, address)) for address, _ in found]
    manifests = shelf.find_all([task for task, _ in replays])
    for (address, block), (task, now), manifest in zip(found, replays, manifests, strict=True):
        current = task.current
        yield {
            "task": address,
            "name": manifest.name if manifest else None,
            "task_id": task.parameters.manifest_digest.hex(),
            "coordinator": task.coordinator,
            "aggregators": len(task.committee.members),
            "registry": task.parameters.registry,
            "block": block,
            "participants": len(task.admitted),
            "rounds_finalized": current.num_finalized,
            "rounds_planned": task.parameters.num_rounds,
            "round": current.round,
            "phase": task.phase(now).name,
            "is_stopped": current.is_stopped,
        }


def list_rounds(ledger: Ledger) -> Iterator[Row]:
    """Yield a row per round, genesis first."""
    selected: dict[int, int] = {}

    def count_at_end(task: Task, record: Record) -> None:
        if task.is_sampled and isinstance(record, RoundOpened):
            selected[task.current.round] = task.count_selected()

    task, now = replay(ledger, count_at_end)
    if task.is_sampled and task.seed_of(task.current.round, now) is not None:
        selected[task.current.round] = task.count_selected()
    yield {
        "round": 0,
        "phase": "FINALIZED",
        "base_round": None,
        "updates": 0,
        "opened_at": None,
        "finished_at": None,
        "model": task.parameters.genesis_digest.hex(),
        "report": None,
        "proposer": None,
        "rejected": None,
        "committed": None,
        "selected": None,
        "seed": None,
    }
    for number, history in task.rounds.items():
        end = history.finalized or history.aborted
        proposal, seed = history.proposal, task.seed_of(number, now)
        yield {
            "round": number,
            "phase": task.phase_of(number, now).name,
            "base_round": history.opened.base_round,
            "updates": history.num_updates,
            "opened_at": history.opened.opens_at,
            "finished_at": end.timestamp if end else None,
            "model": proposal.model_digest.hex() if proposal else None,
            "report": proposal.report_digest.hex() if proposal else None,
            "proposer": proposal.proposer if proposal else None,
            "rejected": len(history.rejected),
            "committed": len(history.commitments) if task.parameters.commit_seconds else None,
            "selected": selected.get(number),
            "seed": seed.hex() if seed else None,
        }


def list_updates(ledger: Ledger, shelf: ManifestShelf) -> Iterator[Row]:
    """Yield a row per update on record, in the order of submission.

    The chain holds only the digest inside a CID. Its codec follows from the update's exact size,
    which follows from the manifest: without that, the CID is None. Where there are lists, a row
    has who listed the update, and what is wrong with it if the list says so; of the updates of a
    list that cannot be had nothing else is known.
    """
    task, _ = replay(ledger)
    manifest = shelf.find(task) if any(h.num_updates for h in task.rounds.values()) else None
    size = compute_update_bytes(manifest) if manifest else None
    for number, history in task.rounds.items():
        for submission in _submissions(ledger, task, history, shelf):
            row: Row = {"round": number, "sequence": submission.sequence}
            row |= _row_of(submission.record, size)
            if task.has_lists:
                row["listed_by"] = _listed_by(history, submission.sequence)
                row["reason"] = submission.reason.value if submission.reason else None
            yield row


def _submissions(
    ledger: Ledger, task: Task, history: RoundHistory, shelf: ManifestShelf
) -> list[Submission]:
    found = {listed.first: shelf.find_list(listed) for listed in history.lists}
    place = Place(
        ledger.chain_id,
        ledger.address,
        task.parameters.manifest_digest.hex(),
        history.opened.round,
        task.parameters.max_weight,
        history.members or task.members if task.has_lists else None,
    )
    return list_submissions(place, history, {n: data for n, data in found.items() if data})


def _row_of(record: UpdateSubmitted | None, size: int | None) -> Row:
    if record is None:
        names = ("participant", "digest", "cid_digest", "cid", "weight", "submitted_at")
        return dict.fromkeys(names)
    return {
        "participant": record.participant,
        "digest": record.digest.hex(),
        "cid_digest": record.cid_digest.hex(),
        "cid": str(cid_from_digest(record.cid_digest, size)) if size is not None else None,
        "weight": record.weight,
        "submitted_at": record.timestamp,
    }


def _listed_by(history: RoundHistory, sequence: int) -> str | None:
    for listed in history.lists:
        if listed.first <= sequence < listed.first + listed.count:
            return listed.aggregator
    return None


def list_participants(ledger: Ledger, round_number: int | None = None) -> Iterator[Row]:
    """Yield a row per participant that is or was admitted or has submitted.

    What was listed is not counted.

    Parameters
    ----------
    ledger
        The task.
    round_number
        Round about which to say who is selected; None for the current one.
    """
    task, now = replay(ledger)
    number = task.current.round if round_number is None else round_number
    counts: dict[str, int] = dict.fromkeys(sorted(task.admitted), 0)
    weights: dict[str, int] = {}
    last_rounds: dict[str, int] = {}
    for history in task.rounds.values():
        for record in history.updates:
            counts[record.participant] = counts.get(record.participant, 0) + 1
            weights[record.participant] = record.weight
            last_rounds[record.participant] = record.round
    for participant, updates in counts.items():
        yield {
            "participant": participant,
            "is_admitted": participant in task.admitted,
            "updates": updates,
            "last_round": last_rounds.get(participant),
            "last_weight": weights.get(participant),
            "is_selected": task.was_selected(participant, number, now),
        }
