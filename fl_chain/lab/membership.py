"""Who can tell from a model whether an example was trained on.

The likelihood-ratio attack, LiRA, of Carlini et al. 2022 (https://arxiv.org/abs/2112.03570),
algorithm 1, with one variance for all examples, as the paper does where models are few: an attacker
who can train such models on examples of their own, half of them with the example in question and
half without, compares how sure each kind is of its label with how sure the model under attack is.
Beside it a threshold on the loss, as of Yeom et al. 2018 (https://arxiv.org/abs/1709.01604), which
needs no other models.

Each model is under attack in its turn, with all the others as the attacker's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LIKELIHOOD_RATIO: Final = "likelihood_ratio"
LOSS_THRESHOLD: Final = "loss_threshold"
FEWEST_FALSE_ALARMS: Final = 10
"""At a rate of which there are fewer among the others nothing is said: the threshold would hang on
single examples. Of ten, a rate has a standard error of a third."""
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """How well an attack tells members from others, over all models."""

    attack: str
    num_others: int
    """Examples that were not trained on, of all models together."""
    false_positives: NDArray[np.float64]
    """Share of the others that are taken for members, rising; by ever lower thresholds."""
    true_positives: NDArray[np.float64]
    """Share of the members that are recognized at each."""

    @property
    def area(self) -> float:
        """Area under the curve, in [0, 1]; 0.5 for whoever guesses."""
        return float(np.trapezoid(self.true_positives, self.false_positives))

    @property
    def least_rate(self) -> float:
        """The least share of false alarms at which there are enough of them."""
        return FEWEST_FALSE_ALARMS / self.num_others

    def recognized_at(self, false_positives: float) -> float:
        """Return the share of members recognized with at most such a share of false alarms."""
        last = int(np.searchsorted(self.false_positives, false_positives, side="right")) - 1
        return float(self.true_positives[last]) if last >= 0 else 0.0

    def measured_at(self, false_positives: float) -> float | None:
        """Return the same, or None if there are too few others for such a share."""
        is_measured = false_positives >= self.least_rate
        return self.recognized_at(false_positives) if is_measured else None


def choose_members(num_examples: int, num_models: int, seed: int) -> NDArray[np.bool_]:
    """Return which model has which example: each has half of the models; ``[models, examples]``."""
    chance = np.random.default_rng(seed)
    ranks = chance.random((num_models, num_examples)).argsort(axis=0).argsort(axis=0)
    return ranks < num_models // 2


def judge(sure: NDArray[np.float64], members: NDArray[np.bool_]) -> list[Verdicts]:
    """Return how well each attack does.

    Parameters
    ----------
    sure
        ln(p / (1 - p)) of each example's label, by each model; ``[models, examples]``.
    members
        Which model was trained on which example: of each example half of them, and at least three.
    """
    ratios = np.stack([_compare(sure, members, index) for index in range(len(sure))])
    return [
        sweep(LIKELIHOOD_RATIO, ratios.ravel(), members.ravel()),
        sweep(LOSS_THRESHOLD, sure.ravel(), members.ravel()),
    ]


def sweep(attack: str, scores: NDArray[np.float64], members: NDArray[np.bool_]) -> Verdicts:
    """Return how well every threshold does; both are ``[n]``, and whoever scores more is accused.

    There is at least one member, and one other.
    """
    order = np.argsort(-scores, kind="stable")
    is_member = members[order]
    # Those that score alike are accused together.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    caught, accused = np.cumsum(is_member)[ends], np.cumsum(~is_member)[ends]
    num_others = int((~members).sum())
    start = np.zeros(1)
    return Verdicts(
        attack,
        num_others,
        np.concatenate([start, accused / num_others]),
        np.concatenate([start, caught / members.sum()]),
    )


def _compare(
    sure: NDArray[np.float64], members: NDArray[np.bool_], index: int
) -> NDArray[np.float64]:
    """Return ln of the likelihood ratio of each example, for one model, by all the others.

    As many models with the example as without: of the others one of the kind that the model under
    attack is not is left out, or their number would tell what is to be found out.
    """
    others = np.roll(np.arange(len(sure)), -index)[1:]
    has_it, values = members[others], sure[others]
    left_out = (has_it != members[index]).argmax(axis=0)
    is_used = np.arange(len(others))[:, np.newaxis] != left_out
    count = len(sure) // 2 - 1
    logarithm = np.zeros(sure.shape[1])
    for sign, chosen in ((1, has_it & is_used), (-1, ~has_it & is_used)):
        mean = np.where(chosen, values, 0).sum(axis=0) / count
        variance = np.where(chosen, (values - mean) ** 2, 0).sum() / chosen.sum()
        variance = max(float(variance), _TINY)
        logarithm -= sign * ((sure[index] - mean) ** 2 / variance + np.log(variance)) / 2
    return logarithm
