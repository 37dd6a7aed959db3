"""What every division of a data set among participants guarantees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import TrainingError
from fl_chain.training.partitioners import (
    DirichletPartitioner,
    IidPartitioner,
    Partitioner,
    ShardPartitioner,
)

seeds = st.integers(0, 2**32 - 1)
label_arrays = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(
    lambda labels: np.array(labels, dtype=np.int64)
)


@st.composite
def partitioners(draw: st.DrawFn) -> Partitioner:
    common = {
        "num_partitions": draw(st.integers(1, 12)),
        "seed": draw(seeds),
        "shuffle": draw(st.booleans()),
    }
    counts = st.integers(1, 6)
    kind = draw(st.sampled_from(["iid", "dirichlet", "shards", "shard_size"]))
    if kind == "iid":
        return IidPartitioner(**common)
    if kind == "dirichlet":
        return DirichletPartitioner(
            alpha=draw(st.floats(1e-9, 1e6)), min_partition_size=draw(counts), **common
        )
    if kind == "shards":
        return ShardPartitioner(num_shards_per_partition=draw(counts), **common)
    return ShardPartitioner(shard_size=draw(counts), **common)


@given(partitioners(), label_arrays)
def test_every_example_is_in_exactly_one_partition_and_none_is_empty_or_the_request_is_refused(
    partitioner: Partitioner, labels: np.ndarray
) -> None:
    try:
        partitions = partitioner.partition_indices(labels)
    except TrainingError:
        return
    assert len(partitions) == partitioner.num_partitions
    assert all(len(indices) > 0 and indices.dtype == np.int64 for indices in partitions)
    assert sorted(np.concatenate(partitions)) == list(range(len(labels)))


@given(partitioners(), label_arrays)
def test_the_same_seed_and_labels_give_the_same_partitions(
    partitioner: Partitioner, labels: np.ndarray
) -> None:
    try:
        first = partitioner.partition_indices(labels)
    except TrainingError:
        with pytest.raises(TrainingError):
            partitioner.partition_indices(labels)
        return
    second = partitioner.partition_indices(labels)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@given(label_arrays, st.integers(1, 12), seeds)
def test_an_iid_request_is_met_whenever_there_are_enough_examples_with_sizes_one_apart(
    labels: np.ndarray, num_partitions: int, seed: int
) -> None:
    partitioner = IidPartitioner(num_partitions=num_partitions, seed=seed)
    if len(labels) < num_partitions:
        with pytest.raises(TrainingError, match="cannot fill"):
            partitioner.partition_indices(labels)
        return
    sizes = [len(indices) for indices in partitioner.partition_indices(labels)]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 8), st.integers(1, 25), st.floats(0.3, 100), seeds)
def test_no_dirichlet_partition_is_smaller_than_the_minimum(
    num_partitions: int, min_partition_size: int, alpha: float, seed: int
) -> None:
    labels = np.repeat(np.arange(10), 100)
    partitioner = DirichletPartitioner(
        num_partitions=num_partitions,
        alpha=alpha,
        min_partition_size=min_partition_size,
        seed=seed,
    )
    assert min(map(len, partitioner.partition_indices(labels))) >= min_partition_size


@given(st.integers(1, 10), st.integers(1, 4), st.integers(1, 9), seeds)
def test_a_partition_has_at_most_as_many_classes_as_pure_shards(
    num_partitions: int, num_shards_per_partition: int, shard_size: int, seed: int
) -> None:
    num_shards = num_partitions * num_shards_per_partition
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(num_shards), shard_size))
    partitioner = ShardPartitioner(
        num_partitions=num_partitions, num_shards_per_partition=num_shards_per_partition, seed=seed
    )
    for indices in partitioner.partition_indices(labels):
        assert len(set(labels[indices])) == num_shards_per_partition


@given(st.integers(1, 10), st.integers(1, 9), label_arrays, seeds)
def test_shards_of_a_given_size_are_dealt_out_with_numbers_one_apart(
    num_partitions: int, shard_size: int, labels: np.ndarray, seed: int
) -> None:
    partitioner = ShardPartitioner(num_partitions=num_partitions, shard_size=shard_size, seed=seed)
    num_shards = -(-len(labels) // shard_size)
    if num_shards < num_partitions:
        with pytest.raises(TrainingError):
            partitioner.partition_indices(labels)
        return
    sizes = [len(indices) for indices in partitioner.partition_indices(labels)]
    num_shards_each = [-(-size // shard_size) for size in sizes]
    assert max(num_shards_each) - min(num_shards_each) <= 1
    assert sum(num_shards_each) == num_shards


@given(partitioners(), label_arrays, seeds)
def test_shuffling_changes_the_order_within_partitions_only(
    partitioner: Partitioner, labels: np.ndarray, seed: int
) -> None:
    class_ = type(partitioner)
    fields = {**vars(partitioner), "seed": seed}
    try:
        ordered = class_(**{**fields, "shuffle": False}).partition_indices(labels)
        shuffled = class_(**{**fields, "shuffle": True}).partition_indices(labels)
    except TrainingError:
        return
    assert [sorted(a) for a in ordered] == [sorted(b) for b in shuffled]
