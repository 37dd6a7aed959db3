"""How well scores tell two classes apart, whatever threshold somebody chooses later.

Accuracy says little where one class is rare. The area under the ROC curve is the share of pairs of
a positive and a negative example that the scores put in the right order, a tie being half a pair:
Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic
(ROC) curve" (Radiology 143:29-36). Average precision is the mean precision over the positive
examples, without interpolation: Davis and Goadrich 2006, "The relationship between
Precision-Recall and ROC curves" (ICML). This module does not import torch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["compute_average_precision", "compute_roc_auc"]

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def compute_roc_auc(scores: Scores, labels: Labels) -> float | None:
    """Return the area under the ROC curve, in [0, 1].

    Parameters
    ----------
    scores
        float64 ``[n]``, the higher the more positive; finite.
    labels
        int64 ``[n]``, 0 or 1.

    Returns
    -------
    float or None
        None if there is one class only.

    Examples
    --------
    >>> compute_roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.75
    """
    num_positive = int(labels.sum())
    num_negative = len(labels) - num_positive
    if not num_positive or not num_negative:
        return None
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # Equal scores share the mean of their ranks, counted from 1.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    above = ranks[labels == 1].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * num_negative))


def compute_average_precision(scores: Scores, labels: Labels) -> float | None:
    """Return the average precision, in [0, 1]: of chance, about the share of positive examples.

    Parameters
    ----------
    scores
        float64 ``[n]``, the higher the more positive; finite.
    labels
        int64 ``[n]``, 0 or 1.

    Returns
    -------
    float or None
        None if there is no positive example.

    Examples
    --------
    >>> compute_average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.8333333333333333
    """
    num_positive = int(labels.sum())
    if not num_positive:
        return None
    thresholds, places = np.unique(-scores, return_inverse=True)
    positive = np.bincount(places, labels, len(thresholds))
    precision = np.cumsum(positive) / np.cumsum(np.bincount(places, minlength=len(thresholds)))
    return float((positive * precision).sum() / num_positive)
