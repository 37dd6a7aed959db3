"""Updates that began from a former model: how old it may be, and how much less they count.

Buffered asynchronous aggregation, FedBuff: Nguyen et al. 2022 (arXiv:2106.06639), algorithm 1, with
the weights of its section 5, 1 / sqrt(1 + s), in integers. A round is the buffer: it closes with
its target of updates, whoever sends them, and what comes later goes into the next one.

Assumes that nobody can be made to say how many examples an update is worth: staleness therefore
lowers the largest weight that the task allows, and honest participants lower theirs by as much.
"""

from __future__ import annotations

from math import isqrt
from typing import Final

from fl_chain.protocol.round import Task

MAX_STALENESS: Final = 64
"""Most rounds by which a manifest lets an update be late."""
_FACTOR_BITS: Final = 16


def discount_weight(weight: int, staleness: int) -> int:
    """Return ``weight`` times 1 / sqrt(1 + staleness), rounded down twice.

    Parameters
    ----------
    weight
        At least 0.
    staleness
        Models that became final between the one that training began from and the round's base
        model, that included; at least 0.

    Examples
    --------
    >>> [discount_weight(1000, staleness) for staleness in (0, 1, 3, 8)]
    [1000, 707, 500, 333]
    """
    factor = isqrt((1 << 2 * _FACTOR_BITS) // (1 + staleness))
    return (weight * factor) >> _FACTOR_BITS


def list_bases(task: Task, round_number: int, max_staleness: int) -> tuple[int, ...]:
    """Return the rounds whose models an update of a round may begin from, the newest first.

    The first is the round's base round; the one of staleness s stands at position s. 0 is genesis.
    """
    found = [task.rounds[round_number].opened.base_round]
    while found[-1] and len(found) <= max_staleness:
        found.append(task.rounds[found[-1]].opened.base_round)
    return tuple(found)


def list_base_digests(task: Task, round_number: int, max_staleness: int) -> tuple[str, ...]:
    """Return the digests of the models of :func:`list_bases`, 64 hexadecimal digits each."""
    bases = list_bases(task, round_number, max_staleness)
    return tuple(task.model_digest(number).hex() for number in bases)
