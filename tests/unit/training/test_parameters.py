from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.training.models import build_model
from fl_chain.training.parameters import (
    get_own_state,
    get_parameters,
    parameter_layout,
    set_own_state,
    set_parameters,
)


@pytest.fixture
def module() -> nn.Module:
    return build_model("digits_mlp", seed=0)


def test_parameters_are_sorted_contiguous_float32_copies(module: nn.Module) -> None:
    parameters = get_parameters(module)
    assert list(parameters) == sorted(parameters)
    for array in parameters.values():
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        array.fill(9)
    assert not any((array == 9).any() for array in get_parameters(module).values())


def test_a_transposed_parameter_is_copied_out_contiguous() -> None:
    module = nn.Linear(3, 2)
    module.weight = nn.Parameter(nn.Linear(2, 3).weight.detach().t())
    assert get_parameters(module)["weight"].flags.c_contiguous


def test_what_is_set_is_what_is_got_in_any_order_and_from_read_only_arrays(
    module: nn.Module,
) -> None:
    wanted = get_parameters(build_model("digits_mlp", seed=1))
    for array in wanted.values():
        array.flags.writeable = False
    set_parameters(module, dict(reversed(wanted.items())))
    got = get_parameters(module)
    assert {name: array.tobytes() for name, array in got.items()} == {
        name: array.tobytes() for name, array in wanted.items()
    }


def test_the_layout_names_every_array_in_order(module: nn.Module) -> None:
    assert parameter_layout(module) == tuple(
        (name, array.shape) for name, array in get_parameters(module).items()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.pop("output.bias"), "missing output.bias; unknown none"),
        (lambda p: p.update(extra=np.zeros(1, np.float32)), "missing none; unknown extra"),
        (lambda p: p.update({"output.bias": np.zeros(9, np.float32)}), r"float32 \(10,\)"),
        (lambda p: p.update({"output.bias": np.zeros((10, 1), np.float32)}), r"float32 \(10,\)"),
        (lambda p: p.update({"output.bias": np.zeros(10)}), "float64"),
    ],
)
def test_parameters_of_another_model_are_refused_and_nothing_is_written(
    module: nn.Module, change, message: str
) -> None:
    before = get_parameters(module)
    parameters = {name: array + 1 for name, array in before.items()}
    change(parameters)
    with pytest.raises(TrainingError, match=message):
        set_parameters(module, parameters)
    after = get_parameters(module)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_state_that_updates_would_not_carry_is_refused() -> None:
    with pytest.raises(TrainingError, match="running_mean"):
        parameter_layout(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))


def test_tied_parameters_are_refused() -> None:
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    with pytest.raises(TrainingError, match=r"1\.weight"):
        get_parameters(tied)


def test_parameters_of_another_precision_are_refused() -> None:
    with pytest.raises(TrainingError, match="float64"):
        get_parameters(nn.Linear(2, 2).double())


def with_own_norm() -> nn.Sequential:
    """Return a model that normalises batches; its norm is no part of what is shared."""
    parts = OrderedDict(first=nn.Linear(64, 8), norm=nn.BatchNorm1d(8), last=nn.Linear(8, 10))
    return nn.Sequential(parts)


SHARED = ("first*", "last.*")


def test_what_is_not_shared_is_neither_read_nor_written() -> None:
    module = with_own_norm()
    assert [name for name, _ in parameter_layout(module, SHARED)] == [
        *("first.bias", "first.weight", "last.bias", "last.weight")
    ]
    before = get_own_state(module, SHARED)
    zeros = {name: array * 0 for name, array in get_parameters(module, SHARED).items()}
    set_parameters(module, zeros, SHARED)
    assert not any(array.any() for array in get_parameters(module, SHARED).values())
    after = get_own_state(module, SHARED)
    assert set(before) == {
        *("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"),
        "norm.num_batches_tracked",
    }
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_own_state_comes_back_as_it_was() -> None:
    module = with_own_norm()
    before = get_own_state(module, SHARED)
    module(torch.randn(5, 64))
    assert get_own_state(module, SHARED)["norm.num_batches_tracked"] == 1
    set_own_state(module, before, SHARED)
    after = get_own_state(module, SHARED)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_frozen_part_is_nobodys_state() -> None:
    module = build_model("digits_mlp", seed=0)
    module.get_submodule("hidden").requires_grad_(False)
    assert get_own_state(module, ("output*",)) == {}


def test_parts_of_another_kind_may_lie_beside_what_is_shared() -> None:
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2).double())
    tied[1].weight = tied[0].weight
    assert parameter_layout(tied, ("1.bias",)) == (("1.bias", (2,)),)


def test_a_pattern_without_a_parameter_is_refused(module: nn.Module) -> None:
    with pytest.raises(TrainingError, match="'lora' matches no parameter") as error:
        parameter_layout(module, ("lora", "output*"))
    assert "hidden.bias, hidden.weight, output.bias" in error.value.hint
