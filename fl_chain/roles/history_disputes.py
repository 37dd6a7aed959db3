"""Who said that something was wrong, who lost what by it, and how it ended: rows in order."""

from __future__ import annotations

from collections.abc import Iterator

from fl_chain.index.selection import EVERYTHING, Selection
from fl_chain.protocol.records import (
    BondSlashed,
    ChallengeFailed,
    Fault,
    ModelProposed,
    PartSelected,
    PartSplit,
    ProposalChallenged,
    ProposalRejected,
    Question,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    ValueAnswered,
)
from fl_chain.roles.task_history import Row, TaskHistory

_MOVES = (ValueAnswered, PartSelected, PartSplit)
_KINDS = (
    *(RoundOpened, ModelProposed, ProposalChallenged, ChallengeFailed, ProposalRejected),
    *(BondSlashed, RoundFinalized, RoundAborted, *_MOVES),
)


def list_disputes(history: TaskHistory, selection: Selection = EVERYTHING) -> Iterator[Row]:
    """Yield a row per challenge and per bond that was taken, by the time that it began.

    ``outcome`` of a challenge: ``upheld`` if the model was rejected by it, ``failed`` if the
    challenger lost its deposit, ``overtaken`` if a quorum or the end of the task came first, and
    ``open``. Of a bond: ``bond taken``.
    """
    rows = [row for row in _walk(history) if selection.covers(row["round"], row["began_at"])]
    yield from rows


def _walk(history: TaskHistory) -> list[Row]:
    rows: list[Row] = []
    number, proposer = 0, ""
    challenge: Row | None = None
    for item in history.index.records(*_KINDS):
        match item.record:
            case RoundOpened() as opened:
                number = opened.round
            case ModelProposed() as proposed:
                proposer = proposed.proposer
            case ProposalChallenged() as challenged:
                challenge = {
                    "round": number,
                    "began_at": challenged.timestamp,
                    "accused": proposer,
                    "accuser": challenged.challenger,
                    "about": Question(challenged.question).name.lower(),
                    "position": challenged.position,
                    "moves": 0,
                    "outcome": "open",
                    "fault": None,
                    "wei": None,
                    "ended_at": None,
                    "transaction": "0x" + item.transaction.hex(),
                }
                rows.append(challenge)
            case ValueAnswered() | PartSelected() | PartSplit():
                if challenge is not None:
                    challenge["moves"] += 1
            case ChallengeFailed() as failed:
                _end(challenge, "failed", failed.timestamp, failed.fault, failed.amount)
                challenge = None
            case ProposalRejected() as rejected:
                is_by_it = rejected.fault in (Fault.WRONG_MODEL, Fault.SILENCE, Fault.OMISSION)
                outcome = "upheld" if is_by_it else "overtaken"
                _end(challenge, outcome, rejected.timestamp, rejected.fault)
                challenge = None
            case RoundFinalized(timestamp=when) | RoundAborted(timestamp=when):
                _end(challenge, "overtaken", when)
                challenge = None
            case BondSlashed() as slashed:
                has_accuser = any(bytes.fromhex(slashed.beneficiary[2:]))
                rows.append(
                    {
                        "round": number,
                        "began_at": slashed.timestamp,
                        "accused": slashed.aggregator,
                        "accuser": slashed.beneficiary if has_accuser else None,
                        "about": None,
                        "position": None,
                        "moves": None,
                        "outcome": "bond taken",
                        "fault": Fault(slashed.fault).name.lower(),
                        "wei": slashed.amount,
                        "ended_at": slashed.timestamp,
                        "transaction": "0x" + item.transaction.hex(),
                    }
                )
    return rows


def _end(
    challenge: Row | None, outcome: str, when: int, fault: int | None = None, wei: int | None = None
) -> None:
    if challenge is not None:
        name = Fault(fault).name.lower() if fault is not None else None
        challenge.update(outcome=outcome, ended_at=when, fault=name, wei=wei)
