"""What attackers send is what their papers say, and is made of what they know."""

from __future__ import annotations

import numpy as np
import pytest

from fl_chain.lab.attacks import ATTACKS, TARGET_LABEL, Knowledge, apply_trigger, has_images
from fl_chain.training.datasets import Dataset

NUM_HONEST, NUM_MALICIOUS, SIZE = 6, 2, 50
HONEST = np.random.default_rng(0).normal(0.3, 1, (NUM_HONEST, SIZE))
OWN = np.random.default_rng(1).normal(0, 1, (NUM_MALICIOUS, SIZE))
PREVIOUS = np.arange(SIZE) / 100
MEAN, DEVIATION = HONEST.mean(0), HONEST.std(0)


def craft(name: str) -> np.ndarray:
    known = Knowledge(HONEST, OWN, PREVIOUS, np.random.RandomState(0))
    sent = ATTACKS[name].craft(known)
    assert sent.shape == OWN.shape
    return sent


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", OWN),
        ("label_flip", OWN),
        ("sign_flip", np.tile(-3 * MEAN, (2, 1))),
        ("alie", np.tile(MEAN - 1.5 * DEVIATION, (2, 1))),
        ("ipm", np.tile(-0.5 * MEAN, (2, 1))),
        ("mimic", np.tile(HONEST[0], (2, 1))),
        ("backdoor", 4 * OWN),
        ("free_rider", np.tile(PREVIOUS, (2, 1))),
    ],
)
def test_attackers_send_what_the_formula_says(name: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(craft(name), expected)


def test_noise_has_its_deviation_and_is_the_same_for_a_seed() -> None:
    sent = craft("gaussian")
    assert 0.35 < sent.std() < 0.65
    np.testing.assert_array_equal(sent, craft("gaussian"))


def test_min_max_goes_as_far_as_honest_updates_are_from_one_another_and_no_farther() -> None:
    def square(a: np.ndarray, b: np.ndarray) -> float:
        return float(((a - b) ** 2).sum())

    sent = craft("min_max")[0]
    farthest = max(square(a, b) for a in HONEST for b in HONEST)
    reached = max(square(sent, a) for a in HONEST)
    assert reached <= farthest * (1 + 1e-9)
    assert reached > 0.99 * farthest
    np.testing.assert_allclose((MEAN - sent) / DEVIATION, (MEAN - sent)[0] / DEVIATION[0])


def images(count: int = 3, size: int = 16) -> Dataset:
    features = np.random.default_rng(0).random((count, size), np.float32) * 0.5
    return Dataset("images", features, np.arange(count) % 10, num_classes=10)


def test_the_trigger_is_four_white_corners_and_nothing_else() -> None:
    data = images()
    triggered = apply_trigger(data)
    changed = np.flatnonzero((triggered.features != data.features).any(0))
    assert changed.tolist() == [0, 3, 12, 15]
    assert (triggered.features[:, changed] == 1).all()
    np.testing.assert_array_equal(triggered.labels, data.labels)
    assert has_images(data)
    assert not has_images(images(size=15))
    with pytest.raises(ValueError, match="no square images"):
        apply_trigger(images(size=15))


def test_a_backdoor_is_planted_beside_the_data_that_are_there() -> None:
    poison = ATTACKS["backdoor"].poison
    assert poison is not None
    data = images()
    planted = poison(data)
    np.testing.assert_array_equal(planted.features[:3], data.features)
    np.testing.assert_array_equal(planted.features[3:], apply_trigger(data).features)
    assert planted.labels.tolist() == [*data.labels.tolist(), *[TARGET_LABEL] * 3]


def test_labels_are_flipped_end_for_end() -> None:
    poison = ATTACKS["label_flip"].poison
    assert poison is not None
    assert poison(images()).labels.tolist() == [9, 8, 7]
