import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fl_chain.errors import TrainingError
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters, set_parameters
from fl_chain.training.partitioners import IidPartitioner
from fl_chain.training.trainer import Trainer


def toy_dataset(num_examples: int = 23) -> Dataset:
    random = np.random.default_rng(0)
    features = random.random((num_examples, 64), dtype=np.float32)
    return Dataset("toy", features, random.integers(0, 10, num_examples), num_classes=10)


def local_sgd(module: nn.Module | None = None, **settings: object) -> LocalSgd:
    defaults = {"num_epochs": 2, "batch_size": 5, "learning_rate": 0.1}
    dataset = settings.pop("dataset", toy_dataset())
    return LocalSgd(module or build_model("digits_mlp", 0), dataset, **{**defaults, **settings})


def as_bytes(arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays.items()}


START = get_parameters(build_model("digits_mlp", seed=0))


def test_the_same_parameters_and_seed_give_the_same_bytes() -> None:
    trainer: Trainer = local_sgd()
    first = trainer.train(START, seed=7)
    again = trainer.train(START, seed=7)
    elsewhere = local_sgd(build_model("digits_mlp", 1)).train(START, seed=7)
    assert as_bytes(first.parameter_delta) == as_bytes(again.parameter_delta)
    assert as_bytes(first.parameter_delta) == as_bytes(elsewhere.parameter_delta)
    assert first.loss == again.loss == elsewhere.loss


def test_another_seed_gives_another_delta() -> None:
    trainer = local_sgd()
    assert as_bytes(trainer.train(START, seed=1).parameter_delta) != as_bytes(
        trainer.train(START, seed=2).parameter_delta
    )


def test_neither_the_number_of_threads_nor_the_callers_memory_changes_a_byte() -> None:
    wanted = as_bytes(local_sgd().train(START, seed=7).parameter_delta)
    dataset = toy_dataset()
    buffer = np.empty(dataset.features.size + 1, np.float32)
    misaligned = buffer[1:].reshape(dataset.features.shape)
    misaligned[:] = dataset.features
    num_threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        moved = Dataset("toy", misaligned, dataset.labels, num_classes=10)
        got = local_sgd(dataset=moved).train(START, seed=7)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(num_threads)
    assert as_bytes(got.parameter_delta) == wanted


def test_layers_that_draw_random_numbers_depend_on_the_seed_alone() -> None:
    def with_dropout() -> nn.Module:
        return nn.Sequential(build_model("digits_mlp", 0), nn.Dropout(0.5))

    start = get_parameters(with_dropout())
    first = local_sgd(with_dropout()).train(start, seed=1)
    torch.rand(3)  # what others draw in between does not matter
    second = local_sgd(with_dropout()).train(start, seed=1)
    assert as_bytes(first.parameter_delta) == as_bytes(second.parameter_delta)


def test_training_leaves_the_global_generator_as_it_was() -> None:
    trainer = local_sgd()
    before = torch.get_rng_state()
    trainer.train(START, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fast_loop_is_plain_sgd_over_shuffled_batches() -> None:
    dataset = toy_dataset()
    module = build_model("digits_mlp", 0)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(7)
    features, labels = torch.tensor(dataset.features), torch.tensor(dataset.labels)
    for _ in range(2):
        order = torch.randperm(len(dataset), generator=generator)
        losses = []
        for start in range(0, len(dataset), 5):
            batch = order[start : start + 5]
            optimizer.zero_grad()
            loss = functional.cross_entropy(module(features[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item() * len(batch))
    result = local_sgd().train(START, seed=7)
    for name, trained in get_parameters(module).items():
        np.testing.assert_allclose(
            START[name] + result.parameter_delta[name], trained, rtol=0, atol=1e-6
        )
    assert math.isclose(result.loss, sum(losses) / len(dataset), rel_tol=1e-5)


def test_a_batch_larger_than_the_data_is_one_full_step() -> None:
    dataset = toy_dataset()
    result = local_sgd(num_epochs=1, batch_size=1_000, learning_rate=0.5).train(START, seed=0)
    module = build_model("digits_mlp", 0)
    scores = module(torch.tensor(dataset.features))
    functional.cross_entropy(scores, torch.tensor(dataset.labels)).backward()
    gradient = dict(module.named_parameters())["output.bias"].grad
    assert gradient is not None
    np.testing.assert_allclose(
        result.parameter_delta["output.bias"], -0.5 * gradient.numpy(), atol=1e-6
    )


def test_a_frozen_parameter_keeps_its_received_value() -> None:
    module = build_model("digits_mlp", 0)
    dict(module.named_parameters())["hidden.weight"].requires_grad_(False)
    delta = local_sgd(module).train(START, seed=0).parameter_delta
    assert not delta["hidden.weight"].any()
    assert delta["output.weight"].any()
    with pytest.raises(TrainingError, match="requires a gradient"):
        local_sgd(build_model("digits_mlp", 0).requires_grad_(False))


def test_the_result_counts_every_example_and_keeps_the_layout() -> None:
    result = local_sgd().train(START, seed=0)
    assert result.num_examples == 23
    assert result.seconds > 0
    assert list(result.parameter_delta) == list(START)
    assert all(
        delta.dtype == np.float32 and delta.shape == START[name].shape
        for name, delta in result.parameter_delta.items()
    )


def test_a_rate_that_diverges_is_named_as_the_likely_cause() -> None:
    with pytest.raises(TrainingError, match=r"learning rate 1e\+30 is probably too high"):
        local_sgd(learning_rate=1e30).train(START, seed=0)


def test_divergence_in_the_very_last_step_is_noticed() -> None:
    # The loss is taken before the step, so only the parameters show it.
    toy = toy_dataset()
    large = Dataset("large", toy.features * np.float32(1e10), toy.labels, num_classes=10)
    trainer = local_sgd(dataset=large, num_epochs=1, batch_size=100, learning_rate=1e38)
    with pytest.raises(TrainingError, match="became NaN or infinity"):
        trainer.train(START, seed=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_received_parameters_that_are_not_finite_are_refused(value: float) -> None:
    broken = {name: array.copy() for name, array in START.items()}
    broken["output.bias"][0] = value
    with pytest.raises(TrainingError, match=r"received parameter 'output\.bias'"):
        local_sgd().train(broken, seed=0)


def test_received_parameters_of_another_model_are_refused() -> None:
    with pytest.raises(TrainingError, match="do not belong to this model"):
        local_sgd().train({}, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_epochs": 0}, "at least 1"),
        ({"batch_size": 0}, "at least 1"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"proximal": -0.1}, "proximal term"),
        ({"proximal": math.nan}, "proximal term"),
        ({"proximal": 1e39}, "proximal term"),
        ({"learning_rate": math.nan}, "learning rate"),
        ({"learning_rate": 1e39}, "learning rate"),
        ({"dataset": toy_dataset(0)}, "no examples"),
    ],
)
def test_settings_that_cannot_train_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        local_sgd(**settings)


def test_data_that_does_not_fit_the_model_is_refused_before_training() -> None:
    with pytest.raises(TrainingError, match=r"does not take the features \(64,\)"):
        local_sgd(build_model("mcmahan_2nn", 0))
    two_classes = Dataset("two", np.zeros((4, 64), np.float32), np.arange(4) % 2, num_classes=2)
    with pytest.raises(TrainingError, match="which has 2 classes"):
        local_sgd(dataset=two_classes)


def test_features_that_are_not_finite_are_refused() -> None:
    features = np.full((4, 64), np.nan, np.float32)
    with pytest.raises(TrainingError, match="NaN or infinity"):
        local_sgd(dataset=Dataset("nan", features, np.arange(4), num_classes=10))


def test_evaluation_uses_the_evaluation_data_and_the_given_parameters() -> None:
    held_out = toy_dataset(11)
    trainer = local_sgd(evaluation_dataset=held_out)
    result = trainer.train(START, seed=0)
    evaluation = trainer.evaluate(START)
    assert evaluation == evaluate(build_model("digits_mlp", 0), held_out)
    trained = {name: START[name] + result.parameter_delta[name] for name in START}
    assert trainer.evaluate(trained).loss < evaluation.loss


def test_federated_averaging_of_the_deltas_learns_the_digits() -> None:
    pytest.importorskip("sklearn")
    split = load_dataset("digits")
    partitioner = IidPartitioner(num_partitions=4, seed=0)
    model = build_model("digits_mlp", seed=0)
    parameters = get_parameters(model)
    trainers = [
        LocalSgd(
            model,
            partitioner.load_partition(split.train, partition_id),
            num_epochs=2,
            batch_size=16,
            learning_rate=0.1,
        )
        for partition_id in range(4)
    ]
    for round_number in range(8):
        results = [trainer.train(parameters, seed=round_number) for trainer in trainers]
        total = sum(result.num_examples for result in results)
        parameters = {
            name: array
            + sum(r.parameter_delta[name] * np.float32(r.num_examples / total) for r in results)
            for name, array in parameters.items()
        }
    set_parameters(model, parameters)
    assert evaluate(model, split.test).accuracy > 0.85


def test_the_proximal_term_is_half_of_mu_times_the_squared_distance() -> None:
    """Li et al. 2020 (FedProx), equation 2, by automatic differentiation of the whole objective."""
    dataset, mu = toy_dataset(), 0.7
    module = build_model("digits_mlp", 0)
    start = [parameter.detach().clone() for parameter in module.parameters()]
    for _ in range(3):
        scores = module(torch.tensor(dataset.features))
        distance = sum(
            ((parameter - begin) ** 2).sum()
            for parameter, begin in zip(module.parameters(), start, strict=True)
        )
        module.zero_grad()
        loss = functional.cross_entropy(scores, torch.tensor(dataset.labels)) + mu / 2 * distance
        loss.backward()
        with torch.no_grad():
            for parameter in module.parameters():
                assert parameter.grad is not None
                parameter -= 0.5 * parameter.grad
    settings = {"num_epochs": 3, "batch_size": 1_000, "learning_rate": 0.5, "proximal": mu}
    result = local_sgd(**settings).train(START, seed=0)
    for name, trained in get_parameters(module).items():
        np.testing.assert_allclose(
            START[name] + result.parameter_delta[name], trained, rtol=0, atol=1e-6
        )


def test_the_larger_the_proximal_term_the_nearer_the_model_stays() -> None:
    lengths = [
        sum(
            float((array**2).sum())
            for array in local_sgd(num_epochs=5, proximal=mu)
            .train(START, seed=0)
            .parameter_delta.values()
        )
        for mu in (0, 0.1, 1, 5)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 2 * lengths[-1]


def test_a_normalized_update_counts_as_the_reference_steps_whatever_was_taken() -> None:
    """Wang et al. 2020 (FedNova), equation 8 with one tau_eff."""
    plain = local_sgd(num_epochs=3).train(START, seed=7)
    assert plain.num_steps == 3 * 5  # 23 examples in batches of 5
    result = local_sgd(num_epochs=3, reference_steps=60).train(START, seed=7)
    for name, delta in plain.parameter_delta.items():
        np.testing.assert_array_equal(result.parameter_delta[name], delta * np.float32(4))


def numbers(*targets: float) -> Dataset:
    """Return examples of one feature, 1, whose labels are these numbers."""
    features = np.ones((len(targets), 1), np.float32)
    return Dataset("numbers", features, np.array(targets, np.float32), num_classes=0)


class Offset(nn.Module):
    """Predicts one number, whatever the features are."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return (features * 0).sum(1, keepdim=True) + self.value


def settle(trainers: list[LocalSgd], rounds: int = 300) -> float:
    """Return where averaging with equal weights ends."""
    value, former = np.zeros(1, np.float32), None
    for number in range(rounds):
        results = [
            trainer.train({"value": value}, seed=number, former=former) for trainer in trainers
        ]
        former = {"value": value}
        value = value + np.mean([result.parameter_delta["value"] for result in results], axis=0)
    return float(value[0])


def test_unequal_work_does_not_move_the_optimum_if_updates_are_normalized() -> None:
    """The objective inconsistency of Wang et al. 2020, section 3: one works ten times as much."""

    def pair(reference_steps: int) -> list[LocalSgd]:
        return [
            local_sgd(
                Offset(),
                dataset=numbers(target),
                num_epochs=num_epochs,
                learning_rate=0.005,
                reference_steps=reference_steps,
            )
            for target, num_epochs in ((0.0, 1), (1.0, 10))
        ]

    assert settle(pair(0)) > 0.85
    assert abs(settle(pair(5)) - 0.5) < 0.02


def test_time_that_is_up_leaves_an_update_that_counts_like_all() -> None:
    trainer = local_sgd(reference_steps=10)
    result = trainer.train(START, seed=0, seconds=0)
    assert (result.num_steps, result.is_cut_short) == (1, True)
    assert math.isfinite(result.loss)
    twice = local_sgd(reference_steps=20).train(START, seed=0, seconds=0)
    for name, delta in result.parameter_delta.items():
        np.testing.assert_array_equal(twice.parameter_delta[name], delta * np.float32(2))
    assert not trainer.train(START, seed=0).is_cut_short
    assert not local_sgd().train(START, seed=0, seconds=0).is_cut_short


def test_control_variates_are_those_of_the_paper_with_everybody_there() -> None:
    """Against algorithm 1 of Karimireddy et al. 2020 with option II, whose server sends c."""
    random = np.random.default_rng(1)
    datasets = [
        Dataset("own", random.random((12, 64), np.float32), np.full(12, label), num_classes=10)
        for label in range(3)
    ]
    settings = {"num_epochs": 4, "batch_size": 12, "learning_rate": 0.2}
    trainers = [
        local_sgd(
            build_model("digits_mlp", 0),
            dataset=data,
            reference_steps=4,
            has_control_variates=True,
            **settings,
        )
        for data in datasets
    ]
    names = list(START)
    module = build_model("digits_mlp", 0)
    model = {name: array.copy() for name, array in START.items()}
    paper = {name: torch.tensor(array) for name, array in START.items()}
    server_control = {name: torch.zeros_like(paper[name]) for name in names}
    own_controls = [dict(server_control) for _ in datasets]
    former = None
    for number in range(4):
        results = [trainer.train(model, seed=number, former=former) for trainer in trainers]
        former = model
        model = {
            name: array + np.mean([each.parameter_delta[name] for each in results], axis=0)
            for name, array in model.items()
        }
        moves, changes = [], []
        for index, data in enumerate(datasets):
            set_parameters(module, {name: each.numpy() for name, each in paper.items()})
            for _ in range(4):
                scores = module(torch.tensor(data.features))
                module.zero_grad()
                functional.cross_entropy(scores, torch.tensor(data.labels)).backward()
                with torch.no_grad():
                    for name, parameter in module.named_parameters():
                        assert parameter.grad is not None
                        pull = server_control[name] - own_controls[index][name]
                        parameter -= 0.2 * (parameter.grad + pull)
            trained = {name: each.detach().clone() for name, each in module.named_parameters()}
            control = {
                name: own_controls[index][name]
                - server_control[name]
                + (paper[name] - trained[name]) / (4 * 0.2)
                for name in names
            }
            moves.append({name: trained[name] - paper[name] for name in names})
            changes.append({name: control[name] - own_controls[index][name] for name in names})
            own_controls[index] = control
        for name in names:
            paper[name] = paper[name] + sum(move[name] for move in moves) / 3
            server_control[name] = (
                server_control[name] + sum(change[name] for change in changes) / 3
            )
            np.testing.assert_allclose(model[name], paper[name].numpy(), rtol=0, atol=2e-5)


def test_whoever_does_not_know_its_own_pull_yet_takes_plain_steps() -> None:
    settings = {"reference_steps": 10, "has_control_variates": True}
    former = {name: array + np.float32(0.1) for name, array in START.items()}
    plain = local_sgd(reference_steps=10).train(START, seed=3)
    first = local_sgd(**settings).train(START, seed=3, former=former)
    assert as_bytes(first.parameter_delta) == as_bytes(plain.parameter_delta)
    trainer = local_sgd(**settings)
    trainer.train(START, seed=2)
    later = trainer.train(START, seed=3, former=former)
    assert as_bytes(later.parameter_delta) != as_bytes(plain.parameter_delta)


@pytest.mark.parametrize("settings", [{"reference_steps": -1}, {"has_control_variates": True}])
def test_steps_that_no_update_can_count_as_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match="cannot count as"):
        local_sgd(**settings)


def in_parts() -> nn.Sequential:
    """Return a model that normalises batches, with the same parameters each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10))


LINEAR = ("0.*", "3.*")


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (in_parts, {"shared": LINEAR, "batch_size": 6}),
        (
            lambda: build_model("digits_mlp", 0),
            {"reference_steps": 9, "has_control_variates": True},
        ),
    ],
    ids=["FedBN", "SCAFFOLD"],
)
def test_whoever_is_given_its_memory_back_goes_on_as_if_it_had_never_stopped(
    build: Callable[[], nn.Module], settings: dict[str, Any]
) -> None:
    start = get_parameters(build(), settings.get("shared", ("*",)))

    def rounds(trainer: LocalSgd, *numbers: int) -> list[dict[str, bytes]]:
        results = [trainer.train(start, seed=number, former=start) for number in numbers]
        return [as_bytes(result.parameter_delta) for result in results]

    whole = rounds(local_sgd(build(), **settings), 1, 2, 3, 4)
    first, second, forgetful = (local_sgd(build(), **settings) for _ in range(3))
    assert rounds(first, 1, 2) == whole[:2]
    second.restore(first.memory())
    assert rounds(second, 3, 4) == whole[2:]
    assert rounds(forgetful, 3) != whole[2:3]
    second.restore({})
    assert rounds(second, 1, 2, 3, 4) == whole


def test_of_an_adapter_alone_the_rest_stays_as_it_is_and_nothing_is_remembered() -> None:
    module = in_parts()
    module[0].requires_grad_(False)
    module[1] = nn.Identity()
    before = module[0].weight.detach().clone()
    trainer = local_sgd(module, shared=("3.*",))
    start = get_parameters(module, ("3.*",))
    result = trainer.train(start, seed=0)
    assert set(result.parameter_delta) == {"3.bias", "3.weight"}
    assert all(delta.any() for delta in result.parameter_delta.values())
    assert torch.equal(module[0].weight, before)
    assert trainer.memory() == {}


def test_the_memory_of_another_model_is_refused() -> None:
    memory = {f"state/1.{name}": np.zeros(3, np.float32) for name in ("weight", "bias")}
    with pytest.raises(TrainingError, match=r"'1\.\w+' is of another model"):
        local_sgd(in_parts(), shared=LINEAR, batch_size=6).restore(memory)


def test_a_model_that_shares_nothing_it_trains_is_refused() -> None:
    module = in_parts()
    module[3].requires_grad_(False)
    with pytest.raises(TrainingError, match="shares no parameter that requires a gradient"):
        local_sgd(module, shared=("3.*",))


def test_a_batch_of_one_that_the_model_does_not_take_is_said() -> None:
    trainer = local_sgd(in_parts(), shared=LINEAR, batch_size=11)  # 23 examples: 11, 11, 1
    with pytest.raises(TrainingError, match="does not take a batch of 1") as error:
        trainer.train(get_parameters(in_parts(), LINEAR), seed=0)
    assert "another batch_size" in error.value.hint
