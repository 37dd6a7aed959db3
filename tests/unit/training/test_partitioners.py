import numpy as np
import pytest

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset
from fl_chain.training.partitioners import ShardPartitioner, build_partitioner


@pytest.fixture
def dataset() -> Dataset:
    features = np.arange(60, dtype=np.float32).reshape(30, 2)
    return Dataset("toy", features, np.arange(30) % 3, num_classes=3)


@pytest.mark.parametrize(
    ("name", "options"),
    [("iid", {}), ("dirichlet", {"alpha": 1.0, "min_partition_size": 1}), ("shard", {})],
)
def test_the_loaded_partitions_are_the_dataset_rearranged(
    dataset: Dataset, name: str, options: dict[str, float]
) -> None:
    partitioner = build_partitioner(name, 4, seed=0, **options)
    partitions = [partitioner.load_partition(dataset, i) for i in range(4)]
    rows = np.concatenate([partition.features for partition in partitions])
    labels = np.concatenate([partition.labels for partition in partitions])
    order = rows[:, 0].argsort()
    assert np.array_equal(rows[order], dataset.features)
    assert np.array_equal(labels[order], dataset.labels)


def test_shards_are_the_two_of_the_paper_unless_told_otherwise(dataset: Dataset) -> None:
    default = ShardPartitioner(num_partitions=3)
    explicit = ShardPartitioner(num_partitions=3, num_shards_per_partition=2)
    for a, b in zip(
        default.partition_indices(dataset.labels),
        explicit.partition_indices(dataset.labels),
        strict=True,
    ):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("seed_pair", [(0, 1), (7, 8)])
@pytest.mark.parametrize("name", ["iid", "shard"])
def test_another_seed_gives_other_partitions(
    dataset: Dataset, name: str, seed_pair: tuple[int, int]
) -> None:
    first, second = (
        build_partitioner(name, 3, seed=seed).partition_indices(dataset.labels)
        for seed in seed_pair
    )
    assert any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("name", "num_partitions", "options", "message"),
    [
        ("idd", 2, {}, "did you mean 'iid'"),
        ("dirichlet", 2, {"alhpa": 1}, "did you mean 'alpha'"),
        ("dirichlet", 2, {}, "needs the option 'alpha'"),
        ("dirichlet", 2, {"alpha": 0}, "alpha 0 is not"),
        ("dirichlet", 2, {"alpha": float("nan")}, "alpha nan is not"),
        ("dirichlet", 2, {"alpha": "0.5"}, "alpha '0.5' is not"),
        ("dirichlet", 2, {"alpha": 1.0, "min_partition_size": 0}, "min_partition_size 0 is not"),
        ("shard", 2, {"num_shards_per_partition": 0}, "num_shards_per_partition 0 is not"),
        ("shard", 2, {"shard_size": 0}, "shard_size 0 is not"),
        ("shard", 2, {"shard_size": 1, "num_shards_per_partition": 1}, "not both"),
        ("iid", 0, {}, "num_partitions 0 is not"),
        ("iid", 2.0, {}, "num_partitions 2.0 is not"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_when_it_is_made(
    name: str, num_partitions: int, options: dict[str, float], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        build_partitioner(name, num_partitions, seed=0, **options)


@pytest.mark.parametrize(
    ("name", "num_partitions", "options", "message"),
    [
        ("iid", 31, {}, "30 examples cannot fill 31 partitions"),
        ("dirichlet", 4, {"alpha": 1.0}, "need 40 examples, there are 30"),
        ("dirichlet", 10, {"alpha": 1e-9, "min_partition_size": 1}, "raise alpha"),
        ("shard", 16, {}, "32 are needed"),
        ("shard", 4, {"shard_size": 10}, "give 3 shards, 4 are needed"),
    ],
)
def test_a_request_that_the_labels_cannot_meet_is_refused(
    dataset: Dataset, name: str, num_partitions: int, options: dict[str, float], message: str
) -> None:
    partitioner = build_partitioner(name, num_partitions, seed=0, **options)
    with pytest.raises(TrainingError, match=message):
        partitioner.partition_indices(dataset.labels)


def test_what_comes_from_several_silos_is_divided_as_it_comes(dataset: Dataset) -> None:
    silos = np.arange(30) % 2
    known = Dataset("toy", dataset.features, dataset.labels, 3, silos, ("north", "south"))
    divider = build_partitioner("natural", 2, seed=0)
    north, south = (divider.load_partition(known, place) for place in range(2))
    assert set(north.features[:, 0]) == set(dataset.features[::2, 0])
    assert set(south.features[:, 0]) == set(dataset.features[1::2, 0])
    assert south.silos is not None
    assert set(south.silos) == {1}
    with pytest.raises(TrainingError, match="comes in 2 partitions, not 3: north, south"):
        build_partitioner("natural", 3, seed=0).load_partition(known, 0)
    with pytest.raises(TrainingError, match="nobody knows from whom the examples of toy are"):
        divider.load_partition(dataset, 0)


def test_sequences_are_divided_by_chance_or_as_they_come_but_not_by_label() -> None:
    features, labels = np.zeros((6, 2), np.float32), np.zeros((6, 2), np.int64)
    data = Dataset("lines", features, labels, 2, np.arange(6) % 2, ("a", "b"))
    for name in ("iid", "natural"):
        assert len(build_partitioner(name, 2, 0).load_partition(data, 1)) == 3
    for divider in (
        build_partitioner("dirichlet", 2, 0, alpha=1.0),
        build_partitioner("shard", 2, 0),
    ):
        with pytest.raises(TrainingError, match="has many labels, and none to divide by"):
            divider.load_partition(data, 1)


@pytest.mark.parametrize("partition_id", [-1, 2])
def test_a_partition_that_does_not_exist_is_refused(dataset: Dataset, partition_id: int) -> None:
    with pytest.raises(TrainingError, match="numbered 0 to 1"):
        build_partitioner("iid", 2, seed=0).load_partition(dataset, partition_id)
