"""Models trained by participants as in a task, and how well what is read gives members away.

One training is enough for everything that is read without noise, and one for all that is read with
the same noise: once it is over, each thing that is read of its last round is asked for the examples
behind it.

Each model has half of the examples. All examples are divided among the participants once, whichever
half a model has. So an example is behind the same participant's update in all models that have it,
and what the attacker of :mod:`fl_chain.lab.membership` compares are updates of that participant, or
sums of its group, with the example and without.

Who reads updates is told more than who has the model: Nasr et al. 2019
(https://arxiv.org/abs/1812.00910). Their attackers follow gradients through several rounds, or send
updates of their own. Here the last round alone is read, so what comes out is no upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from fl_chain.errors import UsageError
from fl_chain.lab.experiment import Experiment
from fl_chain.lab.grid import run_each
from fl_chain.lab.membership import Verdicts, choose_members, judge
from fl_chain.lab.membership_modes import (
    MODEL,
    NOISE_IN_TRAINING,
    NOISE_ON_UPDATES,
    NOISED_MODEL,
    NOISED_SUM_MODEL,
    NOISES,
    Plan,
    check_plan,
    find_noise,
)
from fl_chain.lab.modes import GROUP_SUM, NOISED_SUM
from fl_chain.lab.noised_updates import GroupNoise
from fl_chain.lab.participants import divide
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset

_MODELS: Final = (MODEL, NOISED_MODEL, NOISED_SUM_MODEL)


@dataclass(frozen=True, slots=True)
class Trial:
    """One model to be trained on half of the examples."""

    plan: Plan
    index: int
    """Of this model, in [0, num_models)."""
    noise: str
    """One of `NOISES`."""


@dataclass(frozen=True, slots=True, eq=False)
class Confidences:
    """How sure what is read of one training is of the label of every example."""

    trial: Trial
    values: Mapping[str, NDArray[np.float64]]
    """By what is read: ln(p / (1 - p)) of each example's label, ``[num_examples]``."""
    accuracy: float
    """Of the model on the test set, in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """How well one thing that is read gives members away."""

    plan: Plan
    read: str
    accuracy: float
    """Of the models on the test set, their mean."""
    verdicts: list[Verdicts]
    """Of each attack."""

    @property
    def modes(self) -> list[str]:
        """The modes of the plan in which this is read."""
        return self.plan.list_modes(self.read)

    @property
    def name(self) -> str:
        """What is read, for people."""
        return self.plan.name(self.read)


def list_trials(plan: Plan) -> list[Trial]:
    """Return what is to be trained.

    Raises
    ------
    UsageError
        The plan is none, as of `check_plan`; examples without a class; a participant without
        examples.
    TrainingError
        Data, model, or the way of splitting do not exist or do not fit.
    """
    check_plan(plan)
    train = load_dataset(plan.scenario.data).train
    if not train.num_classes or train.labels.ndim > 1:
        raise UsageError(
            f"the examples of {plan.scenario.data} have no class each",
            "choose another data set with --data",
        )
    division, members = _deal(plan, train)
    if not all(members[:, part].any(axis=1).all() for part in division):
        raise UsageError(
            f"some of {plan.scenario.num_participants} participants have no example in some half",
            "choose fewer with --participants",
        )
    asked = {find_noise(read) for read in plan.read}
    kinds = [noise for noise in NOISES if noise in asked]
    for noise in kinds:
        _prepare(Trial(plan, 0, noise))
    # Training with noise takes longest, and whoever begins with it does not wait for it at the end.
    kinds.sort(key=lambda noise: noise != NOISE_IN_TRAINING)
    return [Trial(plan, index, noise) for noise in kinds for index in range(plan.num_models)]


def train_all(trials: list[Trial], num_jobs: int) -> Iterator[Confidences]:
    """Yield the confidences of each training, in the order in which they are done."""
    return run_each(train_one, trials, num_jobs)


def train_one(trial: Trial) -> Confidences:
    """Train one model, in one thread, and ask what is read of it for every example."""
    torch.set_num_threads(1)
    experiment = _prepare(trial)
    outcome = experiment.run()
    train = load_dataset(trial.plan.scenario.data).train
    division, _ = _deal(trial.plan, train)
    values = {}
    for read in trial.plan.read:
        if find_noise(read) != trial.noise:
            continue
        values[read] = np.empty(len(train))
        for group in _list_groups(trial.plan, read):
            places = np.concatenate([division[index] for index in group])
            asked = train.subset(places)
            is_model = read in _MODELS
            scores = experiment.score(asked) if is_model else experiment.score_sum(group, asked)
            values[read][places] = _how_sure(scores, asked)
    return Confidences(trial, values, outcome.accuracy)


def judge_all(found: Sequence[Confidences]) -> list[Leak]:
    """Return how well each thing that is read gives members away, by the confidences of all."""
    plan = found[0].trial.plan
    num_examples = len(next(iter(found[0].values.values())))
    members = choose_members(num_examples, plan.num_models, plan.scenario.seed)
    leaks = []
    for read in plan.read:
        those = sorted(
            (one for one in found if read in one.values), key=lambda one: one.trial.index
        )
        accuracy = float(np.mean([one.accuracy for one in those]))
        sure = np.stack([one.values[read] for one in those])
        leaks.append(Leak(plan, read, accuracy, judge(sure, members)))
    return leaks


def _list_groups(plan: Plan, read: str) -> list[list[int]]:
    """Return whose updates are behind each model that is read; groups as of a masked round.

    There are as many groups as find enough members: each has up to twice as many, less one.
    """
    count = plan.scenario.num_participants
    if read in _MODELS:
        num_groups = 1
    elif read in (GROUP_SUM, NOISED_SUM):
        num_groups = count // plan.group_size
    else:
        num_groups = count
    return [group.tolist() for group in np.array_split(np.arange(count), num_groups)]


def _how_sure(scores: torch.Tensor, asked: Dataset) -> NDArray[np.float64]:
    scores = scores.double()
    labels = torch.tensor(asked.labels).unsqueeze(1)
    others = scores.scatter(1, labels, -torch.inf)
    sure: NDArray[np.float64] = (
        scores.gather(1, labels).squeeze(1) - torch.logsumexp(others, 1)
    ).numpy()
    return sure


def _deal(plan: Plan, train: Dataset) -> tuple[list[NDArray[np.int64]], NDArray[np.bool_]]:
    """Return which examples each participant may have, and which model has which example."""
    scenario = plan.scenario
    division = divide(train, scenario.split, scenario.num_participants, scenario.seed)
    return division, choose_members(len(train), plan.num_models, scenario.seed)


def _prepare(trial: Trial) -> Experiment:
    plan = trial.plan
    train = load_dataset(plan.scenario.data).train
    division, members = _deal(plan, train)
    parts = [train.subset(part[members[trial.index, part]]) for part in division]
    scenario = replace(plan.scenario, seed=plan.scenario.seed + trial.index)
    if trial.noise == NOISE_ON_UPDATES:
        group_noise = GroupNoise(plan.noise.noise_multiplier, plan.group_size)
        return Experiment(scenario, parts, group_noise=group_noise)
    return Experiment(scenario, parts, plan.noise if trial.noise == NOISE_IN_TRAINING else None)
