"""One experiment: participants of whom some are malicious train a model by one rule.

Everything but the attackers is the product's own: local training, encoding to lanes, the rule in
exact integers, the step of the model. Chain, IPFS and clocks are left out. The same scenario gives
the same numbers on the same machine and PyTorch version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fl_chain.aggregation.fixed_point import decode_model, encode_model, encode_update
from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.robust.table import apply_rule
from fl_chain.aggregation.step import Aggregate, apply_step
from fl_chain.errors import TrainingError
from fl_chain.lab.attacks import ATTACKS, TARGET_LABEL, Knowledge, apply_trigger
from fl_chain.lab.noised_updates import GroupNoise, UpdateNoise, fit_noise
from fl_chain.lab.participants import Noise, divide, make_trainer
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.layout import flatten, layout_of, unflatten
from fl_chain.protocol.rules import MEAN
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters, set_parameters

ENCODING = Encoding()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is tried."""

    data: str
    model: str
    num_participants: int
    num_malicious: int
    num_rounds: int
    split: str
    """Name of a partitioner, and what its option is after a colon: ``dirichlet:0.5``."""
    seed: int
    rule: str
    attack: str
    num_epochs: int = 2
    batch_size: int = 16
    learning_rate: float = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    scenario: Scenario
    accuracy: float
    """On the test set after the last round, in [0, 1]."""
    num_rounds: int
    """Rounds done; fewer than in the scenario if training has diverged."""
    backdoor_success: float | None
    """Share of the test examples of other labels that the model takes for the attackers' label once
    they have the trigger; None where there is no backdoor."""


class Experiment:
    """Carries out one scenario, round by round.

    Parameters
    ----------
    scenario
        What is tried.
    parts
        The examples of each participant, in place of those that the scenario's way of splitting
        gives it.
    noise
        What everybody trains with, in as many steps as without; None for plain local SGD.
    group_noise
        What everybody adds to its updates, which then count alike; None for nothing. Updates are
        clipped to the median of the lengths that they have in the first round.

    Raises
    ------
    TrainingError
        Data, model, or the way of splitting do not exist or do not fit.
    UsageError
        There is noise to train with, and no Opacus.
    """

    def __init__(
        self,
        scenario: Scenario,
        parts: Sequence[Dataset] | None = None,
        noise: Noise | None = None,
        group_noise: GroupNoise | None = None,
    ) -> None:
        self.scenario = scenario
        self._noise = noise
        self._group_noise = group_noise
        self._update_noise: UpdateNoise | None = None
        self._attack = ATTACKS[scenario.attack]
        split = load_dataset(scenario.data)
        self._test = split.test
        self._module = build_model(scenario.model, scenario.seed)
        parameters = get_parameters(self._module)
        self._layout = layout_of(parameters)
        self._model = encode_model(flatten(parameters, self._layout), ENCODING.model_fraction_bits)
        self._previous = np.zeros(self._model.size)
        self._base = self._model
        self._lanes: list[NDArray[np.int16]] = []
        self._weights: list[int] = []
        self._random = np.random.RandomState(scenario.seed)
        if parts is None:
            division = divide(split.train, scenario.split, self._count, scenario.seed)
            parts = [split.train.subset(indices) for indices in division]
        self._trainers = [self._make_trainer(part, i) for i, part in enumerate(parts)]

    @property
    def _count(self) -> int:
        return self.scenario.num_participants

    @property
    def _encoding(self) -> Encoding:
        return self._update_noise.encoding if self._update_noise else ENCODING

    def run(self) -> Outcome:
        """Do all rounds, and measure the last model."""
        number = 0
        try:
            for number in range(1, self.scenario.num_rounds + 1):
                self._run_round(number)
        except TrainingError:
            number -= 1  # the model is beyond training; what it is worth is measured
        set_parameters(self._module, self._parameters())
        result = evaluate(self._module, self._test)
        success = self._measure_backdoor() if self._attack.has_trigger else None
        return Outcome(self.scenario, float(result.accuracy or 0), number, success)

    def score(self, dataset: Dataset) -> torch.Tensor:
        """Return the scores that the last model gives examples; float32 ``[n, num_classes]``."""
        return self._score(self._parameters(), dataset)

    def score_sum(self, members: Sequence[int], dataset: Dataset) -> torch.Tensor:
        """Return the scores of what these participants alone make of the base model.

        That is the base model of the last round, moved by the weighted mean of the updates of these
        participants in it; float32 ``[n, num_classes]``. Of a single one it is its local model, as
        whoever reads its update has it. If no round is done, it is the genesis model.
        """
        values = decode_model(self._base, ENCODING.model_fraction_bits)
        if self._lanes:
            total = WeightedSum(self._model.size)
            for index in members:
                total.add(self._lanes[index], self._weights[index])
            moved = values + total.values / (total.weight * 2.0**self._encoding.fraction_bits)
            values = moved.astype(np.float32)
        return self._score(unflatten(values, self._layout), dataset)

    def _score(self, parameters: dict[str, NDArray[np.float32]], dataset: Dataset) -> torch.Tensor:
        set_parameters(self._module, parameters)
        self._module.eval()
        with torch.no_grad():
            scores: torch.Tensor = self._module(torch.tensor(dataset.features))
        return scores

    def _make_trainer(self, dataset: Dataset, index: int) -> LocalSgd:
        scenario = self.scenario
        # The attackers come first: of equally near updates rules take that of the lower address.
        if index < scenario.num_malicious and self._attack.poison is not None:
            dataset = self._attack.poison(dataset)
        return make_trainer(
            self._module,
            dataset,
            num_epochs=scenario.num_epochs,
            batch_size=scenario.batch_size,
            learning_rate=scenario.learning_rate,
            noise=self._noise,
            secret=hashlib.sha256(f"{scenario.seed}/secret {index}".encode()).digest(),
        )

    def _parameters(self) -> dict[str, NDArray[np.float32]]:
        return unflatten(decode_model(self._model, ENCODING.model_fraction_bits), self._layout)

    def _run_round(self, number: int) -> None:
        parameters, f = self._parameters(), self.scenario.num_malicious
        deltas = np.empty((self._count, self._model.size))
        weights = []
        for index, trainer in enumerate(self._trainers):
            seed = self._seed(number, index)
            result = trainer.train(parameters, seed=seed, round_number=number)
            deltas[index] = flatten(result.parameter_delta, self._layout)
            weights.append(1 if self._group_noise else result.num_examples)
        if f:
            known = Knowledge(deltas[f:], deltas[:f], self._previous, self._random)
            deltas[:f] = self._attack.craft(known)
        lanes = self._encode(deltas.astype(np.float32), number)
        self._base, self._lanes, self._weights = self._model, lanes, weights
        aggregate = self._aggregate(lanes, weights)
        bits = self._encoding.fraction_bits, ENCODING.model_fraction_bits
        self._model = apply_step(self._model, aggregate, *bits)
        self._previous = aggregate.numerators / aggregate.divisor * 2.0 ** -bits[0]

    def _encode(self, deltas: NDArray[np.float32], number: int) -> list[NDArray[np.int16]]:
        if self._group_noise is None:
            bits, max_abs = ENCODING.fraction_bits, ENCODING.max_abs
            return [encode_update(delta, bits, max_abs, None) for delta in deltas]
        if self._update_noise is None:
            self._update_noise = fit_noise(list(deltas), self._group_noise, ENCODING)
        lanes = []
        for index, delta in enumerate(deltas):
            chance = np.random.default_rng(self._seed(number, index))

            def draw_words(_: int, chance: np.random.Generator = chance) -> NDArray[np.uint32]:
                return chance.integers(2**32, size=self._model.size, dtype=np.uint32)

            secret = f"{self.scenario.seed}/noise {index}"
            lanes.append(self._update_noise.add(delta, draw_words, secret, number.to_bytes(4)))
        return lanes

    def _aggregate(self, lanes: list[NDArray[np.int16]], weights: list[int]) -> Aggregate:
        if self.scenario.rule == MEAN:
            total = WeightedSum(self._model.size)
            for row, weight in zip(lanes, weights, strict=True):
                total.add(row, weight)
            return total.mean()
        rows = LaneRows(self._model.size)
        for index, row in enumerate(lanes):
            rows.add(f"0x{index:040x}", row)
        return apply_rule(self.scenario.rule, rows, self.scenario.num_malicious)

    def _measure_backdoor(self) -> float:
        others = self._test.subset(np.flatnonzero(self._test.labels != TARGET_LABEL))
        triggered = apply_trigger(others)
        labels = np.full_like(triggered.labels, TARGET_LABEL)
        aimed = Dataset(
            triggered.name, triggered.features, labels, num_classes=triggered.num_classes
        )
        return float(evaluate(self._module, aimed).accuracy or 0)

    def _seed(self, number: int, index: int) -> int:
        label = f"fl_chain/lab/{self.scenario.seed}/{number}/{index}"
        return int.from_bytes(hashlib.sha256(label.encode()).digest()[:4])


def run_scenario(scenario: Scenario) -> Outcome:
    """Carry out one scenario, in one thread."""
    torch.set_num_threads(1)
    return Experiment(scenario).run()
