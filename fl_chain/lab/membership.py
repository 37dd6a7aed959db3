"""Who can tell from a model whether an example was trained on.

The likelihood-ratio attack, LiRA, of Carlini et al. 2022 (https://arxiv.org/abs/2112.03570),
algorithm 1, with one variance for all examples, as the paper does where models are few: an attacker
who can train such models on examples of their own, half of them with the example in question and
half without, compares how sure each kind is of its label with how sure the model under attack is.
Beside it a threshold on the loss, as of Yeom et al. 2018 (https://arxiv.org/abs/1709.01604), which
needs no other models.

Each model is under attack in its turn, with all the others as the attacker's. Models are trained by
participants as in a task; what is attacked is the global model, which is public in every mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from fl_chain.errors import UsageError
from fl_chain.lab.experiment import Experiment, Scenario
from fl_chain.lab.grid import run_each
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import TrainTestSplit

FEWEST_MODELS: Final = 6
"""Two of each kind beside the one under attack: of one alone there is no variance."""
LIKELIHOOD_RATIO: Final = "likelihood_ratio"
LOSS_THRESHOLD: Final = "loss_threshold"
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Trial:
    """One model to be trained on half of the examples."""

    scenario: Scenario
    num_models: int
    index: int
    """Of this model, in [0, num_models)."""


@dataclass(frozen=True, slots=True, eq=False)
class Confidences:
    """How sure one model is of the label of every example."""

    trial: Trial
    values: NDArray[np.float64]
    """ln(p / (1 - p)) of each example's label, ``[num_examples]``."""
    accuracy: float
    """On the test set, in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """How well an attack tells members from others, over all models."""

    attack: str
    false_positives: NDArray[np.float64]
    """Share of the others that are taken for members, rising; by ever lower thresholds."""
    true_positives: NDArray[np.float64]
    """Share of the members that are recognized at each."""

    @property
    def area(self) -> float:
        """Area under the curve, in [0, 1]; 0.5 for whoever guesses."""
        return float(np.trapezoid(self.true_positives, self.false_positives))

    def recognized_at(self, false_positives: float) -> float:
        """Return the share of members recognized with at most such a share of false alarms."""
        last = int(np.searchsorted(self.false_positives, false_positives, side="right")) - 1
        return float(self.true_positives[last]) if last >= 0 else 0.0


def list_trials(scenario: Scenario, num_models: int) -> list[Trial]:
    """Return what is to be trained.

    Raises
    ------
    UsageError
        Fewer than 6 models, or an odd number of them.
    TrainingError
        Data, model, or the way of splitting do not exist or do not fit.
    """
    if num_models < FEWEST_MODELS or num_models % 2:
        raise UsageError(
            f"{num_models} models cannot be half with an example and half without",
            f"name an even number with --models, at least {FEWEST_MODELS}",
        )
    trials = [Trial(scenario, num_models, index) for index in range(num_models)]
    _prepare(trials[0])
    return trials


def choose_members(num_examples: int, num_models: int, seed: int) -> NDArray[np.bool_]:
    """Return which model has which example: each has half of the models; ``[models, examples]``."""
    chance = np.random.default_rng(seed)
    ranks = chance.random((num_models, num_examples)).argsort(axis=0).argsort(axis=0)
    return ranks < num_models // 2


def train_all(trials: list[Trial], num_jobs: int) -> Iterator[Confidences]:
    """Yield each model's confidences, in the order in which they are done."""
    return run_each(train_one, trials, num_jobs)


def train_one(trial: Trial) -> Confidences:
    """Train one model, in one thread, and ask it for every example."""
    torch.set_num_threads(1)
    experiment = _prepare(trial)
    outcome = experiment.run()
    train = load_dataset(trial.scenario.data).train
    scores = experiment.score(train).double()
    labels = torch.tensor(train.labels).unsqueeze(1)
    others = scores.scatter(1, labels, -torch.inf)
    sure = scores.gather(1, labels).squeeze(1) - torch.logsumexp(others, 1)
    return Confidences(trial, sure.numpy(), outcome.accuracy)


def judge(found: list[Confidences]) -> list[Verdicts]:
    """Return how well each attack does."""
    found = sorted(found, key=lambda one: one.trial.index)
    sure = np.stack([one.values for one in found])
    members = choose_members(sure.shape[1], len(found), found[0].trial.scenario.seed)
    ratios = np.stack([_compare(sure, members, index) for index in range(len(found))])
    return [
        _sweep(LIKELIHOOD_RATIO, ratios.ravel(), members.ravel()),
        _sweep(LOSS_THRESHOLD, sure.ravel(), members.ravel()),
    ]


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


def _sweep(attack: str, scores: NDArray[np.float64], members: NDArray[np.bool_]) -> Verdicts:
    order = np.argsort(-scores, kind="stable")
    is_member = members[order]
    # Those that score alike are accused together.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    caught, accused = np.cumsum(is_member)[ends], np.cumsum(~is_member)[ends]
    start = np.zeros(1)
    return Verdicts(
        attack,
        np.concatenate([start, accused / (~members).sum()]),
        np.concatenate([start, caught / members.sum()]),
    )


def _prepare(trial: Trial) -> Experiment:
    split = load_dataset(trial.scenario.data)
    if not split.train.num_classes or split.train.labels.ndim > 1:
        raise UsageError(
            f"the examples of {trial.scenario.data} have no class each",
            "choose another data set with --data",
        )
    members = choose_members(len(split.train), trial.num_models, trial.scenario.seed)
    half = split.train.subset(np.flatnonzero(members[trial.index]))
    scenario = replace(trial.scenario, seed=trial.scenario.seed + trial.index)
    return Experiment(scenario, TrainTestSplit(half, split.test))
