"""What draws at random yields the same again, also where threads of one process draw at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

from fl_chain.training.models import build_model
from fl_chain.training.reproducible import reproducible


def draw(seed: int) -> list[float]:
    """Draw as dropout does, and let other threads have their turn between any two."""
    with reproducible(seed):
        return [float(torch.rand(1)) for _ in range(200)]


def build(seed: int) -> list[float]:
    return next(build_model("digits_mlp", seed).parameters()).flatten().tolist()


def test_threads_that_draw_at_once_draw_what_each_draws_alone() -> None:
    seeds = list(range(8)) * 4
    alone = [(draw(seed), build(seed)) for seed in seeds]
    state = torch.default_generator.get_state()
    with ThreadPoolExecutor(8) as pool:
        drawn, built = pool.map(draw, seeds), pool.map(build, seeds)
        assert list(zip(drawn, built, strict=True)) == alone
    assert torch.equal(torch.default_generator.get_state(), state)
