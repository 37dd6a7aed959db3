"""Who aggregates a task, what each of them did, and what became of their bonds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fl_chain.errors import UsageError
from fl_chain.index.index import IndexedRecord
from fl_chain.protocol.records import (
    AggregatorAppointed,
    BondDeposited,
    BondSlashed,
    BondWithdrawn,
    ModelAttested,
    PayoutClaimed,
    SeedsCommitted,
    UpdatesListed,
)
from fl_chain.roles.history import list_models
from fl_chain.roles.history_details import describe_record
from fl_chain.roles.history_disputes import list_disputes
from fl_chain.roles.task_history import Row, TaskHistory

_BONDS = (BondDeposited, BondWithdrawn, BondSlashed)
_OWN = (*_BONDS, AggregatorAppointed, ModelAttested, UpdatesListed, SeedsCommitted, PayoutClaimed)


def list_aggregators(history: TaskHistory) -> Iterator[Row]:
    """Yield a row per aggregator, in the order of seats.

    An attestation is to the proposal of somebody else: who proposes attests to it by that. The
    bond, in wei, is what it has deposited now.
    """
    models = list(list_models(history))
    proposed = Counter(row["proposer"] for row in models if row["round"])
    final = Counter(row["proposer"] for row in models if row["outcome"] == "final")
    attested, lost = Counter[str](), Counter[str]()
    bonds = dict.fromkeys(history.aggregators, 0)
    for item in history.index.records(ModelAttested, *_BONDS):
        match item.record:
            case ModelAttested() as attestation:
                attested[attestation.aggregator] += 1
            case BondDeposited() as deposited:
                bonds[deposited.aggregator] += deposited.amount
            case BondWithdrawn() as withdrawn:
                bonds[withdrawn.aggregator] -= withdrawn.amount
            case BondSlashed() as slashed:
                bonds[slashed.aggregator] -= slashed.amount
                lost[slashed.aggregator] += 1
    for seat, aggregator in enumerate(history.aggregators):
        yield {
            "aggregator": aggregator,
            "seat": seat,
            "proposals": proposed[aggregator],
            "final": final[aggregator],
            "attestations": attested[aggregator],
            "bonds_lost": lost[aggregator],
            "bond_wei": bonds[aggregator],
        }


def describe_aggregator(history: TaskHistory, aggregator: str) -> Row:
    """Return an aggregator: its row, its models, its disputes, and what else is on record of it.

    Secrets that it revealed are left out: there is one in every round.

    Raises
    ------
    UsageError
        It has no seat in this task.
    """
    for row in list_aggregators(history):
        if row["aggregator"] == aggregator:
            break
    else:
        raise UsageError(
            f"{aggregator} is no aggregator of this task",
            "fl-chain history aggregators lists them",
        )
    return {
        **row,
        "models": [
            model
            for model in list_models(history)
            if model["round"] and model["proposer"] == aggregator
        ],
        "disputes": [
            dispute
            for dispute in list_disputes(history)
            if aggregator in (dispute["accused"], dispute["accuser"])
        ],
        "records": [
            describe_record(item)
            for item in history.index.records(*_OWN)
            if _is_of(item, aggregator)
        ],
    }


def _is_of(item: IndexedRecord, aggregator: str) -> bool:
    names = ("aggregator", "account")
    return aggregator in (getattr(item.record, name, None) for name in names)
