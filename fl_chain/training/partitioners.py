"""How the examples of one data set are divided among participants.

The names and parameters are those of ``flwr_datasets.partitioner``, so that experiments carry
over. The labels are passed in, so there is no ``partition_by``; and as every example goes to
exactly one partition, and no partition is empty, there is no ``keep_incomplete_shard`` to turn
off. This module does not import torch.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset
from fl_chain.training.names import unknown_name
from fl_chain.training.seed import require_seed

__all__ = [
    "PARTITIONERS",
    "DirichletPartitioner",
    "IidPartitioner",
    "NaturalPartitioner",
    "Partitioner",
    "ShardPartitioner",
    "build_partitioner",
]

IndexArray = npt.NDArray[np.int64]

MAX_DIRICHLET_DRAWS: Final = 1_000
"""Draws before giving up on ``min_partition_size``; a draw takes about 30 µs."""

MAX_ALPHA: Final = 1e6
"""At it shares differ by about one part in a thousand; near the float limit the draw fails."""


@dataclass(frozen=True, kw_only=True)
class Partitioner(ABC):
    """Divides examples among participants, as a function of the labels and the seed alone."""

    num_partitions: int
    """Number of partitions, at least 1."""

    shuffle: bool = True
    """Whether to shuffle within each partition; otherwise examples may be ordered by label."""

    seed: int = 42
    """In [0, 2^32)."""

    def __post_init__(self) -> None:
        _require_count("num_partitions", self.num_partitions)
        require_seed(self.seed)

    def partition_indices(self, labels: IndexArray) -> list[IndexArray]:
        """Assign every example to one partition.

        Parameters
        ----------
        labels
            int64 ``[n]``, the class of each example; for `NaturalPartitioner` its silo.

        Returns
        -------
        list
            ``num_partitions`` arrays of int64 indices, none empty, together each of
            0 … n-1 exactly once.

        Raises
        ------
        TrainingError
            The request cannot be met with these labels.
        """
        if labels.ndim != 1 or len(labels) < self.num_partitions:
            raise TrainingError(
                f"{labels.size} examples cannot fill {self.num_partitions} partitions",
                "ask for fewer partitions",
            )
        # RandomState, because NumPy has frozen its stream (NEP 19): participants with different
        # versions of NumPy still compute disjoint partitions.
        random = np.random.RandomState(self.seed)
        partitions = self._assign(labels, random)
        if self.shuffle:
            return [random.permutation(indices) for indices in partitions]
        return partitions

    def divide(self, dataset: Dataset) -> list[IndexArray]:
        """Assign every example of a data set to one partition; see `partition_indices`."""
        return self.partition_indices(self._keys_of(dataset))

    def load_partition(self, dataset: Dataset, partition_id: int) -> Dataset:
        """Copy one partition out of a data set.

        Parameters
        ----------
        dataset
            The whole.
        partition_id
            In [0, num_partitions).

        Raises
        ------
        TrainingError
            There is no such partition, or the request cannot be met.
        """
        if not 0 <= partition_id < self.num_partitions:
            raise TrainingError(
                f"there is no partition {partition_id}",
                f"they are numbered 0 to {self.num_partitions - 1}",
            )
        return dataset.subset(self.divide(dataset)[partition_id])

    def _keys_of(self, dataset: Dataset) -> IndexArray:
        """Return what decides about where an example goes."""
        if dataset.labels.ndim > 1:
            raise TrainingError(
                f"an example of {dataset.name} has many labels, and none to divide by",
                "the partitioners iid and natural divide sequences",
            )
        return dataset.labels.astype(np.int64, copy=False)

    @abstractmethod
    def _assign(self, labels: IndexArray, random: np.random.RandomState) -> list[IndexArray]:
        """Assign every example; ``labels`` has at least ``num_partitions`` entries."""


@dataclass(frozen=True, kw_only=True)
class IidPartitioner(Partitioner):
    """Partitions drawn at random, whose sizes differ by one at most.

    Examples
    --------
    >>> partitioner = IidPartitioner(num_partitions=3, seed=0)
    >>> [len(indices) for indices in partitioner.partition_indices(np.zeros(8, np.int64))]
    [3, 3, 2]
    """

    def _keys_of(self, dataset: Dataset) -> IndexArray:
        return np.zeros(len(dataset), np.int64)

    def _assign(self, labels: IndexArray, random: np.random.RandomState) -> list[IndexArray]:
        return np.array_split(random.permutation(len(labels)), self.num_partitions)


@dataclass(frozen=True, kw_only=True)
class DirichletPartitioner(Partitioner):
    """Label skew: each class is divided in proportions drawn from a symmetric Dirichlet.

    Yurochkin et al. 2019, "Bayesian Nonparametric Federated Learning of Neural Networks"
    (https://arxiv.org/abs/1905.12022), section 4; redrawn until every partition has
    ``min_partition_size`` examples.

    Examples
    --------
    >>> labels = np.repeat(np.arange(10), 100)
    >>> partitioner = DirichletPartitioner(num_partitions=4, alpha=0.5, seed=0)
    >>> sum(len(indices) for indices in partitioner.partition_indices(labels))
    1000
    """

    alpha: float
    """Concentration, in (0, 10^6]: 0.1 is strong skew, 100 is nearly IID."""

    min_partition_size: int = 10
    """Fewest examples of a partition, at least 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_count("min_partition_size", self.min_partition_size)
        if not (isinstance(self.alpha, int | float) and 0 < self.alpha <= MAX_ALPHA):
            raise TrainingError(f"alpha {self.alpha!r} is not a number in (0, 10^6]")

    def _assign(self, labels: IndexArray, random: np.random.RandomState) -> list[IndexArray]:
        num_needed = self.num_partitions * self.min_partition_size
        if len(labels) < num_needed:
            raise TrainingError(
                f"{self.num_partitions} partitions of at least {self.min_partition_size} "
                f"need {num_needed} examples, there are {len(labels)}",
                "lower num_partitions or min_partition_size",
            )
        by_label = np.argsort(labels, kind="stable")
        class_sizes = np.unique(labels, return_counts=True)[1]
        cuts = self._draw_cuts(class_sizes, random)
        pieces: list[list[IndexArray]] = [[] for _ in range(self.num_partitions)]
        class_ends = np.cumsum(class_sizes)[:-1]
        for indices, class_cuts in zip(np.split(by_label, class_ends), cuts, strict=True):
            for partition, piece in zip(pieces, np.split(indices, class_cuts), strict=True):
                partition.append(piece)
        return [np.concatenate(partition) for partition in pieces]

    def _draw_cuts(self, class_sizes: IndexArray, random: np.random.RandomState) -> IndexArray:
        """Draw where each class is cut, ``[num_classes, num_partitions - 1]``.

        Only sizes are drawn until one fits, which keeps a rejected draw cheap.
        """
        num_classes = len(class_sizes)
        for _ in range(MAX_DIRICHLET_DRAWS):
            shares = random.dirichlet(np.full(self.num_partitions, self.alpha), num_classes)
            if not np.isfinite(shares).all():
                continue  # with a tiny alpha all the gamma variates can underflow to 0
            # Rounded, not floored: flooring every cut would favour the last partition.
            cuts = np.rint(np.cumsum(shares, axis=1)[:, :-1] * class_sizes[:, None])
            bounds = np.hstack([np.zeros((num_classes, 1)), cuts, class_sizes[:, None]])
            if np.diff(bounds, axis=1).sum(axis=0).min() >= self.min_partition_size:
                return cuts.astype(np.int64)
        raise TrainingError(
            f"in {MAX_DIRICHLET_DRAWS} draws with alpha {self.alpha:g} some partition always had "
            f"fewer than {self.min_partition_size} examples",
            "raise alpha, or lower num_partitions or min_partition_size",
        )


@dataclass(frozen=True, kw_only=True)
class ShardPartitioner(Partitioner):
    """The pathological split: sort by label, cut into shards, deal the shards out at random.

    McMahan et al. 2017 (https://arxiv.org/abs/1602.05629), section 3. Two shards per partition,
    the paper's choice, give most participants examples of two classes only. Set one of the two
    fields at most.

    Examples
    --------
    >>> labels = np.repeat(np.arange(4), 5)
    >>> partitioner = ShardPartitioner(num_partitions=4, num_shards_per_partition=1, seed=0)
    >>> sorted(int(labels[indices[0]]) for indices in partitioner.partition_indices(labels))
    [0, 1, 2, 3]
    """

    num_shards_per_partition: int | None = None
    """Shards that each partition gets, 2 unless ``shard_size`` is set; the sizes of the shards
    then differ by one at most."""

    shard_size: int | None = None
    """Examples per shard, of which the last may have fewer; the numbers of shards of the
    partitions then differ by one at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_shards_per_partition is not None and self.shard_size is not None:
            raise TrainingError("set num_shards_per_partition or shard_size, not both")
        if self.num_shards_per_partition is not None:
            _require_count("num_shards_per_partition", self.num_shards_per_partition)
        if self.shard_size is not None:
            _require_count("shard_size", self.shard_size)

    def _assign(self, labels: IndexArray, random: np.random.RandomState) -> list[IndexArray]:
        by_label = np.argsort(labels, kind="stable")
        if self.shard_size is not None:
            num_shards = math.ceil(len(labels) / self.shard_size)
            num_needed = self.num_partitions
            shards = np.split(by_label, range(self.shard_size, len(labels), self.shard_size))
        else:
            num_shards = len(labels)
            num_needed = self.num_partitions * (self.num_shards_per_partition or 2)
            shards = np.array_split(by_label, num_needed)
        if num_shards < num_needed:
            raise TrainingError(
                f"{len(labels)} examples give {num_shards} shards, {num_needed} are needed",
                "lower num_partitions, num_shards_per_partition or shard_size",
            )
        dealt = np.array_split(random.permutation(len(shards)), self.num_partitions)
        return [np.concatenate([shards[shard] for shard in hand]) for hand in dealt]


@dataclass(frozen=True, kw_only=True)
class NaturalPartitioner(Partitioner):
    """The partitions that the data come in: one for each silo, in the order of their names.

    ``partition_indices`` takes the silo of each example in place of its label.

    Examples
    --------
    >>> partitioner = NaturalPartitioner(num_partitions=2, shuffle=False)
    >>> [indices.tolist() for indices in partitioner.partition_indices(np.array([1, 0, 1]))]
    [[1], [0, 2]]
    """

    def _keys_of(self, dataset: Dataset) -> IndexArray:
        if dataset.silos is None:
            raise TrainingError(
                f"nobody knows from whom the examples of {dataset.name} are",
                "another partitioner divides them",
            )
        if len(dataset.silo_names) != self.num_partitions:
            raise TrainingError(
                f"{dataset.name} comes in {len(dataset.silo_names)} partitions, "
                f"not {self.num_partitions}: {', '.join(dataset.silo_names)}",
                f"--num-partitions {len(dataset.silo_names)}",
            )
        return dataset.silos

    def _assign(self, labels: IndexArray, random: np.random.RandomState) -> list[IndexArray]:
        return [np.flatnonzero(labels == silo) for silo in range(self.num_partitions)]


PARTITIONERS: Final[Mapping[str, type[Partitioner]]] = MappingProxyType(
    {
        "dirichlet": DirichletPartitioner,
        "iid": IidPartitioner,
        "natural": NaturalPartitioner,
        "shard": ShardPartitioner,
    }
)
"""Every partitioner by name."""


def build_partitioner(name: str, num_partitions: int, seed: int, **options: Any) -> Partitioner:
    """Build a partitioner by name, as a configuration file asks for it.

    Parameters
    ----------
    name
        A key of `PARTITIONERS`.
    num_partitions
        At least 1.
    seed
        In [0, 2^32).
    **options
        The other fields of the class.

    Raises
    ------
    TrainingError
        The name or an option is unknown, missing or out of range.

    Examples
    --------
    >>> build_partitioner("dirichlet", 10, 0, alpha=0.5).num_partitions
    10
    """
    if name not in PARTITIONERS:
        raise unknown_name("partitioner", name, PARTITIONERS)
    fields = {field.name: field for field in dataclasses.fields(PARTITIONERS[name])}
    for option in options:
        if option not in fields:
            raise unknown_name(f"option of the {name} partitioner", option, fields)
    settings = {"num_partitions": num_partitions, "seed": seed, **options}
    for field in fields.values():
        if field.default is dataclasses.MISSING and field.name not in settings:
            raise TrainingError(f"the {name} partitioner needs the option {field.name!r}")
    return PARTITIONERS[name](**settings)


def _require_count(name: str, count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise TrainingError(f"{name} {count!r} is not an integer of at least 1")
