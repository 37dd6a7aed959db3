"""PSNR and SSIM are those of their definitions, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from fl_chain.lab.similarity import MOST_DECIBELS, WINDOW, compute_psnr, compute_ssim

Image = NDArray[np.float64]
images = arrays(np.float64, (9, 9), elements=st.floats(0, 1, width=32))


def dull_ssim(one: Image, other: Image) -> float:
    values = []
    for row in range(one.shape[0] - WINDOW + 1):
        for column in range(one.shape[1] - WINDOW + 1):
            place = np.s_[row : row + WINDOW, column : column + WINDOW]
            x, y = one[place].ravel(), other[place].ravel()
            covariance = float(np.mean((x - x.mean()) * (y - y.mean())))
            likeness = (2 * x.mean() * y.mean() + 0.0001) * (2 * covariance + 0.0009)
            scale = (x.mean() ** 2 + y.mean() ** 2 + 0.0001) * (x.var() + y.var() + 0.0009)
            values.append(likeness / scale)
    return float(np.mean(values))


@given(images, images)
def test_both_are_what_their_definitions_say(one: Image, other: Image) -> None:
    assert compute_ssim(one, other) == pytest.approx(dull_ssim(one, other), abs=1e-9)
    error = float(np.mean((one - other) ** 2))
    expected = min(MOST_DECIBELS, 10 * math.log10(1 / error)) if error else MOST_DECIBELS
    assert compute_psnr(one, other) == pytest.approx(expected, abs=1e-9)


@given(images, images)
def test_they_are_symmetric_and_within_their_range(one: Image, other: Image) -> None:
    assert compute_ssim(one, other) == pytest.approx(compute_ssim(other, one), abs=1e-12)
    assert -1 - 1e-9 <= compute_ssim(one, other) <= 1 + 1e-9
    assert 0 <= compute_psnr(one, other) <= MOST_DECIBELS


@given(images)
def test_an_image_is_most_like_itself(one: Image) -> None:
    assert compute_ssim(one, one) == pytest.approx(1)
    assert compute_psnr(one, one) == MOST_DECIBELS


def test_many_images_are_compared_one_by_one() -> None:
    one, other = np.random.default_rng(0).random((2, 3, 8, 8))
    assert compute_ssim(one, other) == pytest.approx(
        [dull_ssim(x, y) for x, y in zip(one, other, strict=True)]
    )
    assert compute_psnr(one[0], other).shape == (3,)
