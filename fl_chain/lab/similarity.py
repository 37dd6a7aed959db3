"""How much a rebuilt image resembles the one that it was rebuilt from.

PSNR, the peak signal-to-noise ratio, and SSIM, the structural similarity index of Wang et al. 2004
(https://doi.org/10.1109/TIP.2003.819861), equation 13, with its constants, over windows of 7x7
pixels of equal weight. Images are float arrays ``[..., side, side]`` of values in [0, 1].
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = 7
MOST_DECIBELS: Final = 100.0
"""The PSNR of images that are the same, or as good as."""
_C1, _C2 = 0.01**2, 0.03**2


def compute_psnr(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the PSNR in decibels, at most 100.

    >>> compute_psnr(np.zeros((8, 8)), np.full((8, 8), 0.1)).round(6)
    np.float64(20.0)
    """
    error = np.mean((one - other) ** 2, axis=(-2, -1))
    decibels: NDArray[np.float64] = -10 * np.log10(np.maximum(error, 10 ** (-MOST_DECIBELS / 10)))
    return decibels


def compute_ssim(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean SSIM, in [-1, 1]; 1 is the same. Sides are at least 7.

    >>> compute_ssim(np.eye(8), np.eye(8)).round(6)
    np.float64(1.0)
    """
    mean_one, mean_other = _windows(one), _windows(other)
    variance_one = _windows(one * one) - mean_one**2
    variance_other = _windows(other * other) - mean_other**2
    covariance = _windows(one * other) - mean_one * mean_other
    similarity = (2 * mean_one * mean_other + _C1) * (2 * covariance + _C2)
    scale = (mean_one**2 + mean_other**2 + _C1) * (variance_one + variance_other + _C2)
    mean: NDArray[np.float64] = np.mean(similarity / scale, axis=(-2, -1))
    return mean


def _windows(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of every window."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (WINDOW, WINDOW), axis=(-2, -1))
    mean: NDArray[np.float64] = windows.mean(axis=(-2, -1))
    return mean
