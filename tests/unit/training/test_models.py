import pytest
import torch

from fl_chain.errors import TrainingError
from fl_chain.training.models import MODELS, build_model, find_model
from fl_chain.training.parameters import get_parameters


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_published_shape(name: str) -> None:
    spec = find_model(name)
    module = build_model(name, seed=0)
    assert sum(parameter.numel() for parameter in module.parameters()) == spec.num_parameters
    places = [spec.num_features] if name == "shakespeare_gru" else []
    assert module(torch.zeros(2, spec.num_features)).shape == (2, spec.num_classes, *places)


@pytest.mark.parametrize("name", MODELS)
def test_the_initial_parameters_depend_on_the_seed_alone(name: str) -> None:
    def initial_bytes(seed: int) -> list[bytes]:
        return [array.tobytes() for array in get_parameters(build_model(name, seed)).values()]

    first = initial_bytes(1)
    torch.rand(3)  # what others draw in between does not matter
    assert initial_bytes(1) == first
    assert initial_bytes(2) != first


def test_building_a_model_leaves_the_global_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    build_model("digits_mlp", seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_model_is_refused_with_a_guess_and_the_list() -> None:
    with pytest.raises(TrainingError) as caught:
        build_model("mcmahan_2n", seed=0)
    assert "did you mean 'mcmahan_2nn'?" in caught.value.hint
    assert all(name in caught.value.hint for name in MODELS)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, True])
def test_a_seed_that_torch_would_read_as_another_is_refused(seed: int) -> None:
    with pytest.raises(TrainingError, match="seed"):
        build_model("digits_mlp", seed)
