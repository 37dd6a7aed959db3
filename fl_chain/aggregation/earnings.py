"""What the included updates of a round earned, by the formula of the task, in exact integers.

``cosine`` rewards who pulls in the direction of the others: an update of noise, or of nothing,
earns nothing, and a longer one no more than a shorter one of the same direction. The direction of
the others is the sum of their updates by weight; an update is no part of what it is held against,
so that nobody agrees with itself. It is not a proof of honest work: who sends what others sent
agrees with them (docs/threat-model.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Final

from fl_chain.aggregation.gathering import GatheredRows, Gathering
from fl_chain.aggregation.robust.distances import compute_products
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.protocol.rewards import EQUAL

_SCORE_BITS: Final = 32


def divide_reward(
    formula: str, wei: int, participants: Mapping[int, str], gathered: Gathering
) -> dict[int, int]:
    """Return what each update earns, by its sequence number, in wei.

    Parameters
    ----------
    formula
        ``equal`` or ``cosine``.
    wei
        What all of them earn together; less than that by rounding, or if nobody earned anything.
    participants
        Whose update it is, by its sequence number.
    gathered
        The updates, whole by the formula ``cosine``.
    """
    if formula == EQUAL:
        return dict.fromkeys(participants, wei // max(1, len(participants)))
    if not isinstance(gathered, GatheredRows):
        raise TypeError("by the formula cosine updates are gathered whole")
    scores = score_cosines(gathered.rows, gathered.weights)
    total = max(1, sum(scores.values()))
    return {number: wei * scores[who] // total for number, who in participants.items()}


def score_cosines(rows: LaneRows, weights: Mapping[str, int]) -> dict[str, int]:
    """Return the cosine of each update with the sum of the others, times 2^32; 0 if it is below 0.

    Rounded down after the square root was; 0 as well if the update or that sum has no length.

    Examples
    --------
    >>> import numpy as np
    >>> rows = LaneRows(2)
    >>> for who, lanes in (("0x01", [300, 0]), ("0x02", [500, 0]), ("0x03", [0, 900])):
    ...     rows.add(who, np.array(lanes, np.int16))
    >>> scores = score_cosines(rows, {"0x01": 1, "0x02": 1, "0x03": 1})
    >>> [round(score / 2**32, 3) for score in scores.values()]
    [0.486, 0.316, 0.0]
    """
    names = [name for name, _ in rows.items()]
    products = compute_products(rows).tolist()
    shares = [weights[name] for name in names]
    # With the weighted sum of all: of each update, and of itself.
    with_all = [sum(w * p for w, p in zip(shares, row, strict=True)) for row in products]
    of_all = sum(w * p for w, p in zip(shares, with_all, strict=True))
    scores = {}
    for index, name in enumerate(names):
        weight, own = shares[index], products[index][index]
        agreement = with_all[index] - weight * own
        others = of_all - 2 * weight * with_all[index] + weight * weight * own
        length = isqrt(own * others)
        positive = max(0, agreement)
        scores[name] = (positive << _SCORE_BITS) // length if length else 0
    return scores
