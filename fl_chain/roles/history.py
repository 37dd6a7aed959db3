"""The on-chain history as rows: one flat mapping per task, round, update, participant or model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import find_tasks
from fl_chain.index.selection import EVERYTHING, Selection
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    ModelProposed,
    ProposalRejected,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    TaskStopped,
    UpdateCommitted,
    UpdatesListed,
)
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.round_openings import find_openings
from fl_chain.roles.task_history import Row, TaskHistory, open_history


@dataclass(slots=True)
class RoundSummary:
    """What is on record about a round, its updates aside."""

    opened: RoundOpened
    lists: list[UpdatesListed] = field(default_factory=list)
    proposal: ModelProposed | None = None
    """The one that stands or became final."""
    rejected: int = 0
    finalized: RoundFinalized | None = None
    aborted: RoundAborted | None = None

    @property
    def is_over(self) -> bool:
        """Whether the round has ended, with a model of its own or without."""
        return bool(self.finalized or self.aborted)


def summarize_rounds(history: TaskHistory) -> dict[int, RoundSummary]:
    """Return what is on record about each round, by its number."""
    rounds: dict[int, RoundSummary] = {}
    kinds = (
        *(RoundOpened, UpdatesListed, ModelProposed, ProposalRejected),
        *(RoundFinalized, RoundAborted),
    )
    for item in history.index.records(*kinds):
        match item.record:
            case RoundOpened() as opened:
                rounds[opened.round] = RoundSummary(opened)
            case UpdatesListed() as listed:
                rounds[listed.round].lists.append(listed)
            case ModelProposed() as proposed:
                rounds[proposed.round].proposal = proposed
            case ProposalRejected() as rejected:
                rounds[rejected.round].proposal = None
                rounds[rejected.round].rejected += 1
            case RoundFinalized() as finalized:
                rounds[finalized.round].finalized = finalized
            case RoundAborted() as aborted:
                rounds[aborted.round].aborted = aborted
    return rounds


def list_tasks(connection: ChainConnection, shelf: ManifestShelf, state: Path) -> Iterator[Row]:
    """Yield a row per task on the chain, oldest first; names are those of the shelf's manifests."""
    found = find_tasks(connection)
    histories = [open_history(state, connection, address, shelf) for address, _ in found]
    manifests = shelf.find_all([(h.parameters, h.aggregators) for h in histories])
    for (address, block), history, manifest in zip(found, histories, manifests, strict=True):
        rounds = summarize_rounds(history)
        current = max(rounds, default=0)
        yield {
            "task": address,
            "name": manifest.name if manifest else None,
            "task_id": history.parameters.manifest_digest.hex(),
            "coordinator": history.created.coordinator,
            "aggregators": len(history.aggregators),
            "registry": history.parameters.registry,
            "block": block,
            "participants": len(history.admissions.admitted),
            "rounds_finalized": sum(bool(summary.finalized) for summary in rounds.values()),
            "rounds_planned": history.parameters.num_rounds,
            "round": current,
            "phase": history.ask_phase(current).name,
            "is_stopped": any(history.index.records(TaskStopped)),
        }
        history.index.close()


def list_rounds(history: TaskHistory, selection: Selection = EVERYTHING) -> Iterator[Row]:
    """Yield a row per round, genesis first; a round is of the time when it opened."""
    rounds = summarize_rounds(history)
    updates = history.index.count_updates()
    committed = history.index.count_kind(UpdateCommitted)
    openings = find_openings(history)
    if selection.covers(0, history.created.timestamp):
        yield _genesis_row(history)
    for number, summary in rounds.items():
        opening = openings[number]
        if not selection.covers(number, opening.opens_at):
            continue
        proposal, end = summary.proposal, summary.finalized or summary.aborted
        has_opened = not end or opening.opens_at <= end.timestamp
        listed = sum(entry.count for entry in summary.lists)
        yield {
            "round": number,
            "phase": phase_of(history, number, summary).name,
            "base_round": summary.opened.base_round,
            "updates": updates.get(number, (0, 0))[0] + listed,
            "opened_at": opening.opens_at if has_opened else None,
            "finished_at": end.timestamp if end else None,
            "model": proposal.model_digest.hex() if proposal else None,
            "report": proposal.report_digest.hex() if proposal else None,
            "proposer": proposal.proposer if proposal else None,
            "rejected": summary.rejected,
            "committed": committed.get(number, 0) if history.parameters.commit_seconds else None,
            "selected": opening.selected,
            "seed": None if opening.seed is None else opening.seed.hex(),
        }


def phase_of(history: TaskHistory, number: int, summary: RoundSummary) -> Phase:
    """Return the phase of a round: records tell of one that is over, the contract of the others."""
    if summary.finalized:
        return Phase.FINALIZED
    return Phase.ABORTED if summary.aborted else history.ask_phase(number)


def list_models(history: TaskHistory, selection: Selection = EVERYTHING) -> Iterator[Row]:
    """Yield a row per model that ever was proposed, genesis first, with what became of it.

    A CID takes the manifest, from which the model's size follows; without it, it is None.
    """
    size = history.model_bytes
    created, parameters = history.created, history.parameters
    if selection.covers(0, created.timestamp):
        yield {
            "round": 0,
            "model": parameters.genesis_digest.hex(),
            "base_round": None,
            "proposer": created.coordinator,
            "proposed_at": created.timestamp,
            "outcome": "genesis",
            "cid": _cid(parameters.genesis_cid_digest, size),
            "report": None,
        }
    bases: dict[int, int] = {}
    open_rows: dict[int, Row] = {}
    rows: list[Row] = []
    kinds = (RoundOpened, ModelProposed, ProposalRejected, RoundFinalized, RoundAborted)
    for item in history.index.records(*kinds):
        match item.record:
            case RoundOpened() as opened:
                bases[opened.round] = opened.base_round
            case ModelProposed() as proposed:
                row = {
                    "round": proposed.round,
                    "model": proposed.model_digest.hex(),
                    "base_round": bases[proposed.round],
                    "proposer": proposed.proposer,
                    "proposed_at": proposed.timestamp,
                    "outcome": "open",
                    "cid": _cid(proposed.model_cid_digest, size),
                    "report": proposed.report_digest.hex(),
                }
                open_rows[proposed.round] = row
                rows.append(row)
            case ProposalRejected() as rejected:
                open_rows.pop(rejected.round)["outcome"] = "rejected"
            case RoundFinalized() as finalized:
                open_rows.pop(finalized.round)["outcome"] = "final"
            case RoundAborted() as aborted:
                if aborted.round in open_rows:
                    open_rows.pop(aborted.round)["outcome"] = "dropped"
    yield from (row for row in rows if selection.covers(row["round"], row["proposed_at"]))


def _cid(digest: bytes, size: int | None) -> str | None:
    return str(cid_from_digest(digest, size)) if size is not None else None


def _genesis_row(history: TaskHistory) -> Row:
    return {
        "round": 0,
        "phase": Phase.FINALIZED.name,
        "base_round": None,
        "updates": 0,
        "opened_at": None,
        "finished_at": None,
        "model": history.parameters.genesis_digest.hex(),
        "report": None,
        "proposer": None,
        "rejected": None,
        "committed": None,
        "selected": None,
        "seed": None,
    }
